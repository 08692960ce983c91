"""The agent comes into programs that run already, and into static ones; programs are frozen and thawed."""

import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

from harness import Identity, refused, until
from harness.calls import CALLS, PLAIN, report, verdict

LOOPS = int(os.environ.get("CKPT_LOOPS", "20"))


def state(pid):
    return [open(f"/proc/{pid}/task/{tid}/stat").read().rsplit(")", 1)[1].split()[0] for tid in os.listdir(f"/proc/{pid}/task")]


def plain(program, victim, *arguments, **more):
    """Starts a victim without the agent."""
    return program.start_victim(victim, *arguments, agent=False, **more)


def inject(program, *options, target=None):
    result = program.ckpt("inject", *options, str(target or program.pid))
    if result.returncode != 0:
        pytest.fail(f"ckpt inject ended with {result.returncode}: {result.stderr}\n{program.said()}")
    return result


def has_agent(pid):
    return "libckpt.so" in open(f"/proc/{pid}/maps").read()


def bring_back(program):
    program.checkpoint()
    program.kill()
    program.restart()
    program.go("restarted")
    program.passes()


# Every kind of program

KINDS = ("inject/spins", "inject/spins.static", "process/spins", "process/spins.static", "inject/keeps_signal",
         "inject/keeps_signal.static", "registers/general", "registers/avx", "registers/avx512", "registers/x87",
         "registers/segment_bases", "registers/avx.static", "threads/rseq", "threads/small_stack", "threads/held_locks",
         "threads/held_locks.static", "threads/alternate_stack", "threads/churn", "threads/churn.static",
         "threads/main_exited", "threads/robust_mutex", "memory/maps_unchanged", "memory/protections", "memory/huge_pages",
         "memory/mremap.static", "files/offsets.static", "ipc/pipes.static", "ipc/epoll",
         "ipc/epoll.static", "signals/pending", "signals/storm",
         "signals/interval_timers", "signals/own_eintr", "signals/posix_timers", "process/monotonic")


@pytest.mark.parametrize("victim", KINDS)
def test_injected_goes_on(program, victim):
    plain(program, victim)
    inject(program)
    program.alive()
    program.go("on")
    program.passes()


@pytest.mark.parametrize("victim", KINDS)
def test_injected_comes_back(program, victim):
    plain(program, victim)
    inject(program)
    bring_back(program)


@pytest.mark.parametrize("count", [8, 200])
@pytest.mark.parametrize("kind", ["", ".static"])
def test_many_threads(program, count, kind):
    plain(program, f"threads/many{kind}", str(count))
    bring_back(program)


@pytest.mark.parametrize("victim", ["process/spins", "process/spins.static", "inject/spins", "blocking/eintr"])
def test_every_attempt(make_program, identity, victim):
    """20 of 20, on programs that spin and that sleep."""
    arguments = ["pause"] if victim == "blocking/eintr" else []
    for _ in range(LOOPS):
        program = plain(make_program(identity), victim, *arguments)
        inject(program)
        assert has_agent(program.pid)
        program.go("on")
        program.passes()
        program.end()


def test_save_puts_the_agent_in(program):
    plain(program, "process/spins")
    result = program.ckpt("save", str(program.pid))
    assert result.returncode == 0 and "note:" in result.stderr, result
    again = program.ckpt("save", str(program.pid))
    assert again.returncode == 0 and not again.stderr, again
    lines = [line for line in open(f"/proc/{program.pid}/maps") if "libckpt.so" in line and "r-xp" in line]
    assert len(lines) == 1, lines
    program.checkpoint("signal")
    program.go("on")
    program.passes()


def test_a_second_injection_changes_settings_only(program):
    plain(program, "process/spins")
    inject(program, "--file", "first")
    maps = open(f"/proc/{program.pid}/maps").read()
    assert "already" in inject(program, "--file", "second").stdout
    assert open(f"/proc/{program.pid}/maps").read() == maps
    program.checkpoint("signal", image="second")
    assert not (program.folder / "first").exists()
    program.go("on")
    program.passes()


def test_settings(program):
    plain(program, "process/spins", env={"CKPT_FILE": "from-environment"})
    inject(program, "--file", "img-%c", "--signal", "RTMIN+5")
    os.kill(program.pid, signal.SIGRTMIN + 5)
    until(lambda: (program.folder / "img-1").exists(), "an image by the chosen signal")
    program.go("on")
    program.passes()


def test_periodic(program):
    plain(program, "process/spins")
    inject(program, "--every", "100ms", "--keep", "2")
    until(lambda: (program.folder / "myckpt.3").exists(), "the third image of a series")
    program.go("on")
    program.passes()


# Calls that wait

@pytest.mark.parametrize("name", [name for name in PLAIN])
def test_calls_in_the_diverted_thread(make_program, identity, name):
    """Each call in the only thread of a program: no EINTR, nothing lost, and no time-out ends early."""
    program = make_program(identity)
    plain(program, "blocking/eintr", "--main", name, env={"VICTIM_TIMEOUT": "1500"})
    inject(program)
    program.go("on")
    program.wait_front(120)
    report({name: verdict(program.text(), name)})


@pytest.mark.parametrize("name", [name for name, needs, _ in CALLS if needs != "plain"])
def test_other_calls_in_the_diverted_thread(make_program, identity, name):
    program = make_program(identity)
    plain(program, "blocking/eintr", name, env={"VICTIM_TIMEOUT": "1500"})
    inject(program)
    program.go("on")
    program.wait_front(120)
    report({name: verdict(program.text(), name)})


# Stopped, frozen

def test_stopped_before_is_stopped_after(program):
    plain(program, "inject/stopped")
    os.kill(program.pid, signal.SIGSTOP)
    until(lambda: set(state(program.pid)) == {"T"}, "the stop")
    for _ in range(3):
        inject(program)
        assert set(state(program.pid)) == {"T"}
    os.kill(program.pid, signal.SIGCONT)
    until(lambda: "R" in state(program.pid), "the program to run")
    bring_back(program)


def test_stop_and_injection_race(make_program, identity):
    """A SIGSTOP at any moment of an injection counts."""
    for number in range(LOOPS):
        program = plain(make_program(identity), "inject/stopped")
        front = program.spawn([program.stage.build / "ckpt", "inject", "-q", str(program.pid)], stderr=subprocess.PIPE)
        time.sleep(random.Random(number).uniform(0, 0.03))
        os.kill(program.pid, signal.SIGSTOP)
        assert front.wait(60) == 0, front.stderr.read()
        until(lambda: set(state(program.pid)) == {"T"}, "the stop")
        os.kill(program.pid, signal.SIGCONT)
        program.go("on")
        program.passes()
        program.end()


def test_freeze_and_thaw(program):
    plain(program, "inject/stopped")
    for image in ("one", "two"):
        result = program.ckpt("save", "--freeze", "-o", image, str(program.pid))
        assert result.returncode == 0 and "frozen" in result.stdout, result
        assert set(state(program.pid)) == {"T"}
        refused(program.ckpt("save", str(program.pid)), ["stopped", "thaw"])
        assert program.ckpt("thaw", str(program.pid)).returncode == 0
        assert "T" not in state(program.pid)
    refused(program.ckpt("thaw", str(program.pid)), ["stopped"])
    program.go("on")
    program.passes()


def test_frozen_is_killed_and_comes_back(program):
    program.start_victim("inject/stopped")
    assert program.ckpt("save", "--freeze", str(program.pid)).returncode == 0
    program.kill()
    program.restart()
    program.go("restarted")
    program.passes()


def test_freeze_that_fails_runs_on(program):
    program.start_victim("inject/stopped")
    refused(program.ckpt("save", "--freeze", "-o", "/dev/full", str(program.pid)), ["space|ENOSPC"])
    assert "T" not in state(program.pid)
    assert program.ckpt("save", "--freeze", "--kill", str(program.pid)).returncode == 64
    program.go("on")
    program.passes()


@pytest.mark.parametrize("name", ["nanosleep", "poll_timeout", "epoll_wait_timeout", "futex_timeout", "read_pipe"])
def test_calls_in_a_frozen_program(make_program, identity, name):
    if name not in PLAIN:
        pytest.skip(f"no victim has {name}")
    program = make_program(identity)
    program.start_victim("blocking/eintr", "--main", name, env={"VICTIM_TIMEOUT": "1500"})
    assert program.ckpt("save", "--freeze", str(program.pid)).returncode == 0
    assert program.ckpt("thaw", str(program.pid)).returncode == 0
    program.go("on")
    program.wait_front(120)
    report({name: verdict(program.text(), name)})


# The death of ckpt, or of the program, in the midst of it

@pytest.mark.parametrize("victim", ["inject/spins", "inject/spins.static", "blocking/eintr"])
def test_ckpt_is_killed_in_the_midst(make_program, identity, victim):
    """Whenever ckpt dies, the program is as it was; and a later injection works."""
    chance = random.Random(victim)
    for _ in range(LOOPS):
        program = make_program(identity)
        arguments = ["--main", "nanosleep"] if victim == "blocking/eintr" else []
        plain(program, victim, *arguments, env={"VICTIM_TIMEOUT": "1500"})
        for _ in range(5):
            front = program.spawn([program.stage.build / "ckpt", "inject", "-q", str(program.pid)], stderr=subprocess.PIPE)
            time.sleep(chance.uniform(0.002, 0.02))
            front.kill()
            front.wait()
            program.alive()
        inject(program)
        program.go("on")
        program.passes()
        program.end()


def test_ckpt_is_killed_at_every_call(make_program, identity):
    """The same at each of its calls to ptrace(2), one after the other: strace ends it there."""
    if not shutil.which("strace"):
        pytest.skip("strace is missing")
    for number in range(1, 200):
        program = plain(make_program(identity), "inject/spins")
        command = ["strace", "-q", "-o", "/dev/null", "-e", "trace=ptrace", "-e", f"inject=ptrace:signal=KILL:when={number}",
                   program.stage.build / "ckpt", "inject", "-q", str(program.pid)]
        status = program.run(*command).returncode
        program.alive()
        inject(program)
        program.go("on")
        program.passes()
        program.end()
        if status == 0:
            assert number > 20
            return
    pytest.fail("it never came to its end")


def test_the_program_ends_in_the_midst(make_program, identity):
    chance = random.Random(1)
    for _ in range(LOOPS):
        program = plain(make_program(identity), "inject/spins")
        front = program.spawn([program.stage.build / "ckpt", "inject", str(program.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(chance.uniform(0.002, 0.02))
        program.kill()
        assert front.wait(30) in (0, 1), front.stderr.read()
        program.end()


def test_no_room(program):
    """RLIMIT_AS leaves no memory: refused by name, and the program is as it was."""
    plain(program, "inject/spins")
    maps = open(f"/proc/{program.pid}/maps").read()
    used = int(re.search(r"VmSize:\s+(\d+)", open(f"/proc/{program.pid}/status").read()).group(1)) * 1024
    for spare in (0, 100 << 10, 300 << 10):
        assert program.run("prlimit", f"--as={used + spare}:", "--pid", str(program.pid)).returncode == 0
        refused(program.ckpt("inject", str(program.pid)), ["ENOMEM"])
        assert open(f"/proc/{program.pid}/maps").read() == maps
    assert program.run("prlimit", "--as=unlimited:", "--pid", str(program.pid)).returncode == 0
    inject(program)
    program.go("on")
    program.passes()


def test_no_descriptor(program):
    plain(program, "inject/spins")
    used = len(os.listdir(f"/proc/{program.pid}/fd"))
    assert program.run("prlimit", f"--nofile={used}:", "--pid", str(program.pid)).returncode == 0
    refused(program.ckpt("inject", str(program.pid)), ["EMFILE"])
    assert not has_agent(program.pid)
    assert program.run("prlimit", "--nofile=100:", "--pid", str(program.pid)).returncode == 0
    program.go("on")
    program.passes()


# Refusals

def test_what_is_traced(program):
    plain(program, "process/spins")
    tracer = program.spawn(["strace", "-q", "-o", "/dev/null", "-p", str(program.pid)]) if shutil.which("strace") else \
        program.spawn(["gdb", "-q", "-batch", "-p", str(program.pid), "-ex", "shell sleep 60"])
    until(lambda: not re.search(r"TracerPid:\s+0\n", open(f"/proc/{program.pid}/status").read()), "a tracer")
    refused(program.ckpt("inject", str(program.pid)), ["strace|gdb", "traces"])
    tracer.kill()
    tracer.wait()
    program.go("on")
    program.passes()


def test_zombie_and_nobody(program):
    child = program.spawn(["true"])
    until(lambda: state(child.pid) == ["Z"], "a zombie")
    refused(program.ckpt("inject", str(child.pid)), ["zombie"])
    child.wait()
    refused(program.ckpt("inject", str(child.pid)), ["no such process"])


def test_kernel_thread(program, identity):
    if not identity.is_root:
        pytest.skip("needs root")
    found = [pid for pid in os.listdir("/proc") if pid.isdigit() and not re.search(r"^VmSize", open(f"/proc/{pid}/status").read(), re.M)
             and state(pid) != ["Z"]]
    if not found:
        pytest.skip("no thread of the kernel to be seen")
    refused(program.ckpt("inject", found[0]), ["kernel"])


def test_not_yours(make_program, user):
    if os.geteuid() != 0:
        pytest.skip("needs a program of somebody else")
    theirs, mine = make_program(Identity("root")), make_program(user)
    plain(theirs, "process/spins")
    result = mine.ckpt("inject", str(theirs.pid))
    refused(result, ["user 0"])
    assert result.returncode == 77
    theirs.go("on")
    theirs.passes()


PYTHON_PRCTL = "import ctypes, sys, time; ctypes.CDLL(None).prctl({}); print('ready', flush=True); time.sleep(600)"


def test_non_dumpable(make_program, user):
    program = make_program(user)
    program.start("python3", "-c", PYTHON_PRCTL.format("4, 0, 0, 0, 0"), agent=False)
    program.wait_for("ready")
    if user.uid == 0:
        pytest.skip("needs an ordinary user")
    result = program.ckpt("inject", str(program.pid))
    refused(result, ["non-dumpable"])
    assert result.returncode == 77


SECCOMP = """
import ctypes, struct, sys, time
libc = ctypes.CDLL(None)
code = struct.pack('HBBI', 0x06, 0, 0, 0x7fff0000)
buffer = ctypes.create_string_buffer(code)
program = ctypes.create_string_buffer(struct.pack('HxxxxxxP', 1, ctypes.addressof(buffer)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
print('ready', flush=True)
time.sleep(600)
"""


def test_seccomp(program):
    """A filter that allows everything; nobody can see from outside what a filter does."""
    program.start("python3", "-c", SECCOMP, agent=False)
    program.wait_for("ready")
    refused(program.ckpt("inject", str(program.pid)), ["seccomp", "--despite-seccomp"])
    inject(program, "--despite-seccomp")


# 32 bits: exit by int $0x80 would do, but it must be found while it runs: it loops.
TINY_32 = bytes.fromhex(
    "7f454c46010101000000000000000000" "02000300010000005480040834000000" "00000000000000003400200001000000"
    "00000000" "01000000000000000080040800800408" "56000000560000000500000000100000" "ebfe")


def test_32_bits(program):
    path = program.folder / "tiny"
    path.write_bytes(TINY_32)
    path.chmod(0o755)
    try:
        program.start(path, agent=False)
    except OSError:
        pytest.skip("the kernel runs no 32-bit programs")
    until(lambda: os.readlink(f"/proc/{program.pid}/exe").endswith("tiny"), "the program")
    refused(program.ckpt("inject", str(program.pid)), ["32-bit"])


def test_vfork(program):
    """A parent in vfork(2) does not stop before its child goes on; then it works."""
    program.start("python3", "-c", """
import ctypes, os, time
print('ready', flush=True)
libc = ctypes.CDLL(None)
os.posix_spawn('/bin/sleep', ['sleep', '1'], os.environ)
time.sleep(600)
""", agent=False)
    program.wait_for("ready")
    inject(program)


# Elsewhere

@pytest.mark.parametrize("sees_the_file", [True, False], ids=["same_files", "other_root"])
def test_other_namespaces(make_program, identity, sees_the_file):
    """A program in PID and mount namespaces of its user's, and one that doesn't see the agent's file."""
    program = make_program(identity)
    namespaces = ["unshare", "-Urmpf", "--mount-proc"]
    if sees_the_file:
        command, environment = [*namespaces, program.stage.victims / "process/spins"], {}
    else:
        root = program.folder / "root"
        (root / "proc").mkdir(parents=True)
        shutil.copy(program.stage.victims / "process/spins.static", root / "victim")
        for path in (root, root / "proc"):
            os.chown(path, identity.uid, identity.gid)
        script = f"mount --rbind /proc {root}/proc && exec chroot {root} /victim"
        command, environment = [*namespaces, "sh", "-c", script], {"VICTIM_GO": "/go"}
    program.start(*command, agent=False, env=environment)
    until(lambda: "ready\n" in program.text() or program.front.poll() is not None, "the program or a refusal")
    if program.front.poll() is not None:
        pytest.skip(f"no namespaces here: {program.err.read_text().strip()}")
    target = int(open(f"/proc/{program.pid}/task/{program.pid}/children").read().split()[0])
    inject(program, target=target)
    name = [line.split()[-1] for line in open(f"/proc/{target}/maps") if "libckpt.so" in line][0]
    assert sees_the_file != ("(deleted)" in name), name
    result = program.ckpt("save", "-o", str(program.folder / "elsewhere"), str(target))
    if sees_the_file:
        assert result.returncode == 0, result
    else:
        # It would come back outside of its root directory.
        assert result.returncode == 1 and "chroot" in result.stderr, result
    (program.folder / "go" if sees_the_file else root / "go").write_text("on")
    program.passes()


# Programs as they are

def test_go_server(program):
    plain(program, "programs/server")
    inject(program)
    bring_back(program)


def test_go_server_goes_on(program):
    plain(program, "programs/server")
    for _ in range(5):
        program.checkpoint()
    program.go("on")
    program.passes()


@pytest.mark.parametrize("how", ["command", "signal"])
@pytest.mark.parametrize("victim", ["programs/server", "process/spins.static", "threads/held_locks.static", "inject/spins.static"])
def test_run_static(program, victim, how):
    """`ckpt run` puts the agent into a static program, whose process and children are its own."""
    if not (program.stage.victims / victim).exists():
        pytest.skip("its compiler is missing")
    program.start(program.stage.build / "ckpt", "run", "--", program.stage.victims / victim, agent=False)
    program.wait_for("ready")
    until(lambda: int(re.search(r"SigCgt:\s+(\w+)", open(f"/proc/{program.pid}/status").read()).group(1), 16) >> 11 & 1
          and has_agent(program.pid) and "TracerPid:\t0" in open(f"/proc/{program.pid}/status").read(), "the agent")
    assert not open(f"/proc/{program.pid}/task/{program.pid}/children").read().strip()
    program.checkpoint(how)
    program.kill()
    program.restart()
    program.go("restarted")
    program.passes()


def test_run_busybox(program):
    if not shutil.which("busybox"):
        pytest.skip("busybox is missing")
    script = "i=0; echo ready; while [ ! -e go ]; do i=$((i+1)); done; echo pass"
    program.start(program.stage.build / "ckpt", "run", "--", "busybox", "sh", "-c", script, agent=False)
    program.wait_for("ready")
    assert has_agent(program.pid)
    program.checkpoint("signal")
    program.kill()
    program.restart()
    program.go("restarted")
    program.passes()


def test_run_static_many_times(make_program, identity):
    for _ in range(LOOPS):
        program = make_program(identity)
        program.start(program.stage.build / "ckpt", "run", "--", program.stage.victims / "process/spins.static", agent=False)
        program.wait_for("ready")
        assert has_agent(program.pid)
        program.go("on")
        program.passes()
        program.end()


@pytest.mark.parametrize("command", [("/nowhere",), ("/etc/passwd",)])
def test_run_what_does_not_run(program, command):
    refused(program.ckpt("run", "--", *command), ["cannot run"])
