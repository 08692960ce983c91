"""Every victim in two fates: it is checkpointed and goes on; it is checkpointed, killed and restarted."""

import os
import re
import signal
import socket
import threading

import pytest

from harness import VICTIMS, Identity, until
from harness.calls import CALLS, PLAIN, finish_eintr, report, verdict

KINDS = ("registers", "threads", "memory", "process", "files", "ipc", "signals", "lazy")

# Victims that need arguments, one entry per run.
ARGUMENTS = {
    "process/privileges": ("none", "ambient", "groups"),
    "memory/locked_all": ("future", "onfault"),
    "threads/many": ("1", "8", "100", "1000"),
    "ipc/socketpair": ("stream", "dgram", "seqpacket"),
}

# Victims that change their working directory, where the image would go.
ABSOLUTE = {"process/identity", "files/removed_directories"}

# Victims with a thread that can't be stopped: how long the agent tries (seconds).
IMPATIENT = {"threads/all_blocked": "2", "refused/vfork": "2"}

# Not self-checking, or in need of something that only a test of their own gives them.
SPECIAL = {"memory/library", "memory/program_gone", "memory/reserve", "ipc/outside_connection", "process/terminal",
           "files/full_table", "signals/takes_over", "signals/executes", "signals/waits_for_all", "process/fenced", "process/dispatched", "process/confined",
           "lazy/chained", "lazy/family"}

# Kinds beyond the list of what must be restored: refusing them by name is an answer too. To each a pattern of
# how it may be named.
MAY_BE_REFUSED = {
    "ipc/inotify": "inotify",
    "ipc/udp": "udp|datagram|dgram|socket",
    "ipc/tcp_pair": "tcp|socket",
    "ipc/pidfd": "pidfd",
    "ipc/message_queue": r"mqueue|message queue|/victim\.",
    "ipc/passed_descriptor": "SCM_RIGHTS|descriptors? in|in flight|socket",
    "threads/all_blocked": "thread",
}

REFUSED = {
    "io_uring": "io_uring",
    "userfaultfd": "userfaultfd",
    "perf_event": "perf",
    "bpf_map": "bpf",
    "fanotify": "fanotify",
    "vfork": "thread",
}

THREE_CYCLES = ("registers/general", "registers/x87", "threads/many 8", "threads/held_locks", "threads/mutex_handoff",
                "threads/robust_mutex", "threads/alternate_stack", "threads/main_exited", "threads/rseq", "threads/churn",
                "memory/heap", "memory/protections", "memory/shared_anonymous", "memory/memfd_mapping",
                "memory/file_mappings", "memory/maps_unchanged", "memory/growing_stack_deep", "memory/vdso_speed",
                "process/proc_self", "process/identity", "files/offsets", "files/unlinked", "files/locks", "ipc/pipes",
                "ipc/epoll", "ipc/socketpair stream", "ipc/listening_tcp", "ipc/listening_unix", "signals/pending",
                "signals/posix_timers", "signals/storm")


def runs(names):
    found = []
    for name in names:
        found += [f"{name} {argument}" for argument in ARGUMENTS.get(name, ())] or [name]
    return found


def built_victims():
    names = [f"{kind}/{path.stem}" for kind in KINDS for path in sorted((VICTIMS / kind).glob("*.c"))]
    return runs(name for name in names if name not in SPECIAL)


def variants(variable):
    line = re.search(rf"^{variable}\s*:=\s*(.*)$", (VICTIMS / "Makefile").read_text(), re.MULTILINE)
    return [name.strip() for name in runs(line.group(1).split())]


def start(program, victim):
    env = {"CKPT_FILE": str(program.folder / "myckpt")} if victim in ABSOLUTE else {}
    if victim in IMPATIENT:
        env["CKPT_TIMEOUT"] = IMPATIENT[victim]
    program.start_victim(*victim.split(), env=env)


def answered_by_refusal(program, victim):
    """For kinds that may be refused: whether this one was, and properly so."""
    pattern = MAY_BE_REFUSED.get(victim)
    if not pattern:
        return False
    refusal = program.attempt()
    if not refusal:
        return False
    assert re.search(pattern, refusal, re.IGNORECASE), f"refused, and not by name: {refusal}"
    assert program.image_stamp("myckpt") is None, "refused, and still there is an image"
    program.go("on")
    program.passes()
    return True


@pytest.mark.parametrize("victim", built_victims())
def test_goes_on(program, victim):
    start(program, victim)
    if answered_by_refusal(program, victim):
        return
    program.checkpoint("signal")
    program.go("on")
    program.passes()


def cycle(program, how="command"):
    program.checkpoint(how)
    program.kill()
    program.restart()


@pytest.mark.parametrize("victim", built_victims())
def test_restarted(program, victim):
    start(program, victim)
    if answered_by_refusal(program, victim):
        return
    cycle(program)
    program.go("restarted")
    program.passes()


@pytest.mark.parametrize("victim", THREE_CYCLES)
def test_three_cycles(program, victim):
    start(program, victim)
    for how in ("signal", "command", "signal"):
        cycle(program, how)
    program.go("restarted")
    program.passes()


def test_many_requests(program):
    """SIGUSR2 again and again, while a checkpoint is made and right after a restart: the program bears it, and
    the image is whole whenever one looks."""
    program.start_victim("threads/mutex_handoff")
    for cycle in range(3):
        program.checkpoint("signal")
        for _ in range(20):
            os.kill(program.pid, signal.SIGUSR2)
        program.checkpoint("command")
        program.kill()
        program.restart()
    program.go("restarted")
    program.passes()


@pytest.mark.parametrize("victim", variants("FIXED"))
def test_fixed_address(make_program, user, victim):
    """Programs that are not position-independent."""
    program = make_program(user)
    name, *arguments = victim.split()
    program.start_victim(name + ".fixed", *arguments or ["8"])
    cycle(program)
    program.go("restarted")
    program.passes()


@pytest.mark.parametrize("victim", variants("MUSL"))
def test_musl(make_program, user, victim):
    """Programs of another C library: the agent needs none."""
    program = make_program(user)
    program.start_victim(victim + ".musl")
    cycle(program)
    program.go("restarted")
    program.passes()


@pytest.mark.parametrize("victim", ["threads/many 8", "memory/stack_growth", "memory/maps_unchanged", "memory/vdso_speed", "process/proc_self"])
def test_without_address_randomisation(make_program, user, victim):
    program = make_program(user)
    program.start_victim(*victim.split(), aslr=False)
    cycle(program)
    program.go("restarted")
    program.passes()


@pytest.mark.parametrize("kill", [False, True], ids=["", "kill"])
@pytest.mark.parametrize("victim", REFUSED)
def test_refused(program, victim, kill):
    """What can't be restored is named, nothing is written, and the program does not notice."""
    start(program, f"refused/{victim}")
    refusal = program.attempt(*(["--kill"] if kill else []))
    assert refusal, f"saved, although a {victim} can't be restored"
    assert re.search(REFUSED[victim], refusal, re.IGNORECASE), f"refused, and not by name: {refusal}"
    left = {p.name for p in program.folder.iterdir()} - {"out", "err", "go"}
    assert not left, f"left behind: {left}"
    program.go("on")
    program.passes()


def test_reserve_is_not_stored(program):
    """100 GiB reserved, 40 MiB touched: the image holds the 40 MiB."""
    program.start_victim("memory/reserve")
    image = program.checkpoint()
    size = image.stat().st_size
    assert 40 << 20 <= size < 48 << 20, f"the image has {size / (1 << 20):.1f} MiB"
    program.kill()
    program.restart()
    program.go("restarted")
    program.passes()


def test_program_and_library_gone(program):
    """The program's file is deleted and its library replaced by another one before the restart."""
    for name in ("program_gone", "liblibrary.so"):
        copy = program.folder / name
        copy.write_bytes((program.stage.victims / "memory" / name).read_bytes())
        copy.chmod(0o755)
    program.start(program.folder / "program_gone")
    program.wait_for("ready")
    program.checkpoint()
    program.kill()
    (program.folder / "program_gone").unlink()
    (program.folder / "liblibrary.so").unlink()
    (program.folder / "liblibrary.so").write_bytes(os.urandom(20000))
    program.restart()
    program.go("restarted")
    program.passes()


def test_posix_shm_gone(program):
    """Shared memory and a semaphore of /dev/shm that a reboot has removed are made again."""
    program.start_victim("ipc/posix_shm")
    program.checkpoint()
    program.kill()
    for name in (program.folder / "shm.objects").read_text().split():
        os.unlink(name)
    program.restart()
    program.go("restarted")
    program.passes()


@pytest.mark.parametrize("kill", [False, True], ids=["", "kill"])
def test_confined(make_program, kill):
    """A program in a jail is refused from outside, before anything happens to it."""
    program = make_program(Identity("root"))
    program.start_victim("process/confined")
    refusal = program.attempt(*(["--kill"] if kill else []))
    assert refusal and "chroot" in refusal, f"not refused: {refusal}"
    program.go("on")
    program.passes()


class Echo:
    """A server that sends back what it gets; one connection."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            connection, _ = self.listener.accept()
            while data := connection.recv(100):
                connection.sendall(data)
            connection.close()
        except OSError:
            pass

    def close(self):
        self.listener.close()


@pytest.mark.parametrize("fate", ["on", "restarted"])
def test_outside_connection(program, fate):
    echo = Echo()
    try:
        program.start_victim("ipc/outside_connection", env={"VICTIM_PORT": str(echo.port)})
        if fate == "on":
            program.checkpoint("signal")
        else:
            cycle(program)
        program.go(fate)
        program.passes()
    finally:
        echo.close()


def test_log_that_grew(program):
    """Someone else appended to the log between checkpoint and restart: the program goes on where it was."""
    log = program.folder / "log"
    program.start_victim("files/offsets")
    program.checkpoint()
    program.kill()
    log.write_text("one\nsomeone else\n")
    os.chown(log, program.identity.uid, program.identity.gid)
    program.restart()
    program.go("restarted")
    status = program.wait_front()
    # The victim finds more in its log than it wrote; all that matters here is that it could look.
    assert status == 1 and "the log holds 'one\nsomeone else" in program.text(), program.said()


def test_clock_of_another_boot(make_program, identity):
    """CLOCK_MONOTONIC goes on from the saved value even where the machine's own is far away."""
    if os.geteuid() != 0:
        pytest.skip("only root can make the first clock")
    program = make_program(identity)
    lead = 1_000_000
    victim = program.stage.victims / "process/monotonic"
    drop = [] if identity.is_root else ["setpriv", f"--reuid={identity.uid}", f"--regid={identity.gid}", "--clear-groups"]
    preload = f"LD_PRELOAD={program.stage.build / 'libckpt.so'}"
    program.start("unshare", "--time", "--monotonic", str(lead), "--boottime", str(lead), "--fork", *drop, "env", preload, victim,
                  agent=False, user=0, group=0, extra_groups=[0])
    program.wait_for("ready")
    children = until(lambda: open(f"/proc/{program.pid}/task/{program.pid}/children").read().split(), "the victim")
    program.pid = int(children[0])
    program.checkpoint()
    program.kill()
    program.restart()
    program.go("restarted")
    program.passes()


# Blocking calls


FATES = ("on", "restarted")


def start_eintr(make_program, identity, *arguments, timeout):
    program = make_program(identity)
    program.start_victim("blocking/eintr", *arguments, env={"VICTIM_TIMEOUT": str(timeout)})
    return program


@pytest.mark.parametrize("fate", FATES)
def test_blocking_calls_in_threads(make_program, identity, fate):
    """Every call at once, each in a thread of its own."""
    program = start_eintr(make_program, identity, *PLAIN, timeout=4000)
    if fate == "on":
        program.checkpoint("signal")
    else:
        cycle(program)
    text = finish_eintr(program, fate)
    if "failed" not in text and "ok" not in text:
        pytest.fail(program.said())
    report({name: verdict(text, name) for name in PLAIN})


@pytest.mark.parametrize("group", range(4))
@pytest.mark.parametrize("fate", FATES)
def test_blocking_calls_in_main_thread(make_program, identity, fate, group):
    """Each call in the main thread of a program of its own."""
    names = PLAIN[group::4]
    programs = {name: start_eintr(make_program, identity, "--main", name, timeout=5000) for name in names}
    for program in programs.values():
        program.checkpoint("signal")
    if fate == "restarted":
        for program in programs.values():
            program.kill()
        for program in programs.values():
            program.restart()
    for program in programs.values():
        program.go(fate)
    verdicts = {}
    for name, program in programs.items():
        program.wait_front(120)
        line = verdict(program.text(), name)
        verdicts[name] = line if line != "no verdict" else f"failed {name}: {program.said()}"
    report(verdicts)


@pytest.mark.parametrize("name", [name for name, needs, _ in CALLS if needs == "child"])
def test_blocking_calls_that_need_a_child(make_program, identity, name):
    """Goes on only: bringing back children is a matter of process trees."""
    program = start_eintr(make_program, identity, name, timeout=2000)
    refusal = program.attempt()
    text = finish_eintr(program, "on")
    assert not refusal or re.search("child", refusal), refusal
    report({name: verdict(text, name)})


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("name", [name for name, needs, _ in CALLS if needs == "extra"])
def test_blocking_calls_on_other_kinds(make_program, identity, name, fate):
    """On kinds of objects that may be refused by name; if they aren't, the call must be transparent."""
    program = start_eintr(make_program, identity, name, timeout=2000)
    refusal = program.attempt()
    if refusal:
        assert len(refusal.splitlines()) <= 2, refusal
        fate = "on"
    elif fate == "restarted":
        program.kill()
        program.restart()
    report({name: verdict(finish_eintr(program, fate), name)})
