"""`ckpt migrate`: how the image goes (TCP, compressed, slowly), what stays attached, and what it asks."""

import functools
import os
import pty
import select
import shutil
import signal
import subprocess

import pytest

from harness import DEADLINE, marked_processes, until
from harness.traveller import PYTHON, Traveller, left_behind, undecided

# A port over there; each machine has its own.
PORT = 7790

# Between here and that port. It cuts, stalls or damages what passes, or lets so many bytes pass a second.
PROXY = '''
import socket, sys, threading, time
how, amount, there = sys.argv[1], int(sys.argv[2]), sys.argv[3]
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", 7790))
listener.listen()
print("up", flush=True)
near = listener.accept()[0]
near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
far = socket.create_connection((there, 7790))
done = 0
start = time.monotonic()
while True:
    data = bytearray(near.recv(65536))
    if how == "cut" and done + len(data) > amount: sys.exit()
    if how == "stall" and done + len(data) > amount: threading.Event().wait()
    if how == "flip" and done <= amount < done + len(data): data[amount - done] ^= 1
    if how == "slow": time.sleep(max(0, start + done / amount - time.monotonic()))
    if not data:
        far.shutdown(socket.SHUT_WR)
        far.recv(1)
        break
    far.sendall(data)
    done += len(data)
'''

# Before the way to the port is told, strangers are at the door: one that speaks, one that is silent, one that goes.
STRANGERS = '''
import socket, subprocess, sys, threading, os
child = subprocess.Popen(sys.argv[1:], stdin=0, stdout=subprocess.PIPE, bufsize=0)
kept = []
for line in child.stdout:
    words = line.split()
    if words[:2] == [b"ckpt-migrate", b"at"]:
        for said in (b"GET / HTTP/1.0\\r\\n\\r\\n" * 9, b"", b"CKPTSEAL", None):
            stranger = socket.create_connection((words[2].decode(), int(words[3])))
            if said is None: stranger.close()
            else: stranger.sendall(said); kept.append(stranger)
    os.write(1, line)
sys.exit(child.wait())
'''


def script(traveller, name, text):
    path = traveller.program.folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def proxy(traveller, pair):
    """Starts one on this machine; it ends with the test."""
    path = script(traveller, "proxy.py", PROXY)

    def start(how, amount):
        there = pair.other(traveller.at)
        process = traveller.program.spawn([*traveller.at.enter(), PYTHON, path, how, str(amount), there.address],
                                          user=0, group=0, extra_groups=[0], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"up\n"
        return ["--via", "tcp", "--address", "127.0.0.1", "--port", str(PORT)]

    return start


@pytest.fixture(scope="module")
def tools(pair, stage):
    """Both machines have a `ckpt` of their own, which need not be sent then."""
    for machine in pair.machines:
        machine.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/usr/local/bin")
        machine.run("cp", stage.build / "ckpt", "/usr/local/bin")
    return pair


@pytest.fixture
def bare(tools):
    """The other machine has none, for a while."""
    there = tools.machines[1]
    there.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/usr/local/bin")
    yield there
    there.run("umount", "/usr/local/bin")


# TCP, and what is compressed


@pytest.mark.parametrize("options", [["--via", "tcp"], ["--via", "tcp", "--compress", "zstd", "--port", str(PORT)],
                                     ["--compress", "lz4", "--fresh-pids"]],
                         ids=lambda options: "".join(options))
def test_ways(traveller, tools, pair, options):
    """The image comes another way, and the program is the same; nothing is left on the other side."""
    before = left_behind(pair.machines[1])
    traveller.goes(*options)
    assert left_behind(pair.machines[1]) == before
    traveller.goes(*options)
    traveller.check()


def test_strangers_at_the_port(traveller, tools, pair):
    """Whoever is first at the port without knowing the secret is let to stand there."""
    path = script(traveller, "strangers.py", STRANGERS)
    result = traveller.migrate("--via", "tcp", ssh=f"{PYTHON} {path} {pair.ssh(traveller.identity)}")
    assert result.returncode == 0, result.stderr
    traveller.at = pair.other(traveller.at)
    traveller.moves_on()
    traveller.check()


@pytest.mark.parametrize("how, amount, reason", [
    ("cut", 1 << 20, "ended with status 65 while the image was sent"), ("flip", 3 << 20, "is not what was encrypted there"),
    ("stall", 1 << 20, "nothing moved for 2 s"),
])
def test_tcp_goes_wrong(traveller, tools, proxy, how, amount, reason):
    """The connection is cut, stalls, or somebody changes what goes over it: the program goes on here."""
    traveller.stays(traveller.migrate("--idle-timeout", "2s", *proxy(how, amount)), reason)


@pytest.mark.parametrize("word", ["have", "10.213.", "ready"])
def test_control_is_cut(traveller, tools, relay, word):
    """ssh ends, and the other connection would not: nothing runs there."""
    traveller.stays(traveller.migrate("--via", "tcp", ssh=relay("word", word)), "connection ended", "goes on here")


@pytest.mark.parametrize("where", ["before", "after"])
def test_undecided_over_tcp(traveller, tools, relay, where):
    """As when the image goes through ssh."""
    traveller.migrate = functools.partial(traveller.migrate, "--via", "tcp")
    undecided(traveller, relay, where)


def test_slow_receiver(traveller, tools, proxy, pair):
    """Slower than the time-out, but it moves."""
    result = traveller.migrate("--idle-timeout", "2s", *proxy("slow", 4 << 20))
    assert result.returncode == 0, result.stderr
    traveller.at = pair.other(traveller.at)
    traveller.moves_on()
    traveller.check()


def test_port_that_is_not_reached(traveller, tools):
    traveller.stays(traveller.migrate("--via", "tcp", "--address", "127.0.0.1"), "ECONNREFUSED", "--address")


def test_port_that_is_taken(traveller, tools):
    traveller.stays(traveller.migrate("--via", "tcp", "--port", "2222"), "EADDRINUSE")


def test_installed_over_there(traveller, relay, tools):
    """A `ckpt` that is there is not sent."""
    result = traveller.migrate("--via", "tcp", ssh=relay("word", "need"))
    assert result.returncode == 0, result.stderr
    traveller.at = tools.machines[1]
    traveller.moves_on()
    traveller.check()


def test_sent_ahead(traveller, relay, bare):
    """One that is not there is, and it leaves nothing behind."""
    before = left_behind(bare)
    traveller.stays(traveller.migrate("--via", "tcp", ssh=relay("word", "need")), "connection ended")
    traveller.goes("--via", "tcp")
    assert left_behind(bare) == before
    traveller.check()


def test_paths_that_differ(traveller, tools):
    """The other way takes the same options."""
    there = tools.machines[1]
    here, other = traveller.program.folder, traveller.program.folder.with_name(traveller.program.folder.name + ".other")
    other.mkdir()
    os.chown(other, traveller.identity.uid, traveller.identity.gid)
    there.run("mount", "-t", "tmpfs", "tmpfs", here)
    try:
        for name in ("numbers", "out", "err"):
            (other / name).touch()
            os.chown(other / name, traveller.identity.uid, traveller.identity.gid)
        result = traveller.migrate("--compress", "lz4", "--map", f"{here}={other}")
        assert result.returncode == 0, result.stderr
        traveller.at, traveller.numbers = there, other / "numbers"
        traveller.moves_on()
    finally:
        there.run("umount", here)
        traveller.program.end()
        shutil.rmtree(other)


def test_another_version_over_there(traveller, bare):
    """A `ckpt` that does not understand this one is not used."""
    bare.run("sh", "-c", "echo 'echo 0' > /usr/local/bin/ckpt; chmod 755 /usr/local/bin/ckpt")
    traveller.goes("--compress", "lz4")


def test_program_that_does_not_run_there(traveller, bare):
    """What it lacks there is said; without it, it goes."""
    library = next(line.split()[2] for line in subprocess.run(["ldd", traveller.program.stage.build / "ckpt"], stdout=subprocess.PIPE,
                                                              text=True).stdout.splitlines() if "libunwind-coredump" in line)
    bare.run("mount", "--bind", "/dev/null", library)
    try:
        traveller.stays(traveller.migrate("--compress", "lz4"), "libunwind-coredump", "does not run here", "status 69")
    finally:
        bare.run("umount", library)


@pytest.mark.parametrize("options", [[], ["--via", "tcp"]], ids=["ssh", "tcp"])
def test_no_space(traveller, bare, options):
    """No room for the programs over there: it says so, and leaves nothing."""
    there = bare
    size = sum((traveller.program.stage.build / name).stat().st_size for name in ("restart", "ckpt")[:1 + len(options)])
    there.run("mount", "-t", "tmpfs", "-o", f"size={size // 2}", "tmpfs", there.temporary)
    try:
        traveller.stays(traveller.migrate(*options), "No space left on device", "status 74 while")
        assert subprocess.run([*there.enter(), "ls", "-A", there.temporary], stdout=subprocess.PIPE).stdout == b""
    finally:
        there.run("umount", there.temporary)


def test_usage(program):
    for words in (["--port", "1", "1", "x"], ["--address", "a", "1", "x"], ["--via", "pigeon", "1", "x"],
                  ["--compress", "rar", "1", "x"], ["--attach", "--output", "f", "1", "x"]):
        assert program.ckpt("migrate", *words).returncode == 64


# Attached

# Answers what it reads, and says which signals it gets.
TALKER = """
import os, signal, sys
def heard(number, frame): os.write(1, b"signal %d\\n" % number)
for number in (1, 2, 3, 15): signal.signal(number, heard)
for line in sys.stdin:
    word = line.strip()
    if word == "loud": os.write(1, b"x" * 300000 + b"\\n")
    elif word == "error": os.write(2, b"trouble\\n")
    elif word == "die": os.kill(os.getpid(), 9)
    elif word.isdigit(): sys.exit(int(word))
    else: os.write(1, word.upper().encode() + b" " + os.uname().nodename.encode() + b"\\n")
open("end", "w").close()
"""


class Talker(Traveller):
    """A program between two pipes, and the command that it is attached to."""

    def begin(self):
        script(self, "talker.py", TALKER)
        self.words = (b"python", b"talker.py")
        self.start("/bin/sh", "-c", f"tail -f /dev/null | {{ {PYTHON} talker.py 2>&3 | cat > said; }} 3>&1 | cat > errors")
        until(lambda: len(self.processes()) == 1, "the talker")
        pid = self.pid()
        # It reads: its signal handlers are in place.
        until(lambda: open(f"/proc/{pid}/wchan").read().startswith(("pipe_", "anon_pipe")), "the talker to read")
        return self

    def attach(self, *options):
        self.process = self.program.spawn(self.command("--attach", *options), user=0, group=0, extra_groups=[0],
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.at = self.pair.other(self.at)
        return self

    def ask(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def hears(self, text):
        assert select.select([self.process.stdout], [], [], DEADLINE)[0], f"nothing comes in place of {text}"
        line = self.process.stdout.readline().decode()
        if line != text + "\n":
            self.process.kill()
            pytest.fail(f"{line!r} in place of {text!r}: {self.process.stderr.read().decode()}")

    def ends(self):
        status = self.process.wait(DEADLINE)
        return status, self.process.stdout.read().decode(), self.process.stderr.read().decode()

    def ckpt(self):
        """The command itself, behind what has brought it into the machine."""
        return next(pid for pid in self.marked() if open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")[1:2] == [b"migrate"])

    def marked(self):
        for pid in marked_processes(self.program.folder):
            try:
                open(f"/proc/{pid}/cmdline", "rb").close()
                yield pid
            except OSError:
                continue


@pytest.fixture
def talker(program, tools, pair):
    return Talker(program, pair).begin()


@pytest.mark.parametrize("options", [[], ["--via", "tcp", "--compress", "zstd"]], ids=["ssh", "tcp"])
def test_attached(talker, options):
    """What is typed goes there, what is written comes here, and so do signals and its end."""
    talker.attach(*options)
    talker.ask("hello")
    talker.hears("HELLO there")
    assert talker.pair.where(talker.pid()) is talker.at
    talker.ask("loud")
    talker.hears("x" * 300000)
    talker.ask("error")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        os.kill(talker.ckpt(), number)
        talker.hears(f"signal {number}")
    talker.ask("42")
    status, said, errors = talker.ends()
    assert (status, said) == (42, ""), errors
    assert "trouble\n" in errors and "as process" in errors


def test_attached_to_an_end_of_input(talker):
    talker.attach()
    talker.process.stdin.write(b"last\n")
    talker.process.stdin.close()
    talker.hears("LAST there")
    assert talker.ends()[:2] == (0, "")
    assert (talker.program.folder / "end").exists()


def test_attached_and_killed(talker):
    talker.attach().ask("die")
    assert talker.ends()[:2] == (128 + 9, "")


def test_attached_and_cut(talker, pair):
    """Whoever loses the connection says where the program is; the program hears what it would of a terminal."""
    talker.attach().ask("first")
    talker.hears("FIRST there")
    pid = talker.pid()
    ssh = next(p for p in talker.marked() if open(f"/proc/{p}/cmdline", "rb").read().split(b"\0")[0] == b"ssh")
    os.kill(ssh, signal.SIGKILL)
    status, _, errors = talker.ends()
    assert status == 1 and "the connection ended" in errors and "SIGHUP" in errors
    # Its answer to SIGHUP finds nobody, and its input is at its end.
    until(lambda: pid not in talker.processes(), "the end of the program")


# Asked


def answers(master, questions):
    """Answers what is asked at a terminal; what was shown behind the last question."""
    shown = ""
    for question, answer in questions:
        def asked():
            nonlocal shown
            while select.select([master], [], [], 0)[0]:
                try:
                    shown += os.read(master, 65536).decode()
                except OSError:
                    pytest.fail(f"it ended before '{question}': {shown!r}")
            return question in shown
        until(asked, f"the question '{question}'")
        os.write(master, answer.encode() + b"\n")
        shown = shown[shown.index(question) + len(question):]
    return shown


def interactive(traveller, pair, *options):
    master, slave = pty.openpty()
    command = [*traveller.at.enter(), *traveller.prefix(), traveller.program.stage.build / "ckpt", "migrate",
               "--ssh", pair.ssh(traveller.identity), *options]
    process = traveller.program.spawn(command, stdin=slave, stdout=slave, stderr=slave, user=0, group=0, extra_groups=[0])
    os.close(slave)
    return process, master


def rest(process, master):
    """What is shown until the end."""
    shown = b""
    while True:
        if select.select([master], [], [], 0.05)[0]:
            try:
                shown += os.read(master, 65536)
                continue
            except OSError:
                pass
        if process.poll() is not None:
            os.close(master)
            return shown.decode()


def test_asks_for_what_it_needs(traveller, pair):
    (traveller.program.folder / ".ssh").mkdir()
    there = pair.user(traveller.identity, pair.machines[1])
    (traveller.program.folder / ".ssh" / "config").write_text(f"Host *\n  Port 22\nHost {there} other\n")
    pid = traveller.at.inside(traveller.pid())
    process, master = interactive(traveller, pair)
    shown = answers(master, [("Which process?", "1"), ("none of them", str(pid)),
                             (f"[{there}]", ""), (f"Move process {pid} to {there} now?", "y")])
    shown += rest(process, master)
    assert process.wait() == 0, shown
    assert f"runs on {there} as process" in shown
    traveller.at = pair.machines[1]
    traveller.still_here()


@pytest.mark.parametrize("word", ["n", "\x04"], ids=["no", "end of input"])
def test_asked_and_declined(traveller, pair, word):
    pid = traveller.at.inside(traveller.pid())
    process, master = interactive(traveller, pair)
    answers(master, [("Which process?", str(pid)), ("user@host", "me@there"), (" now? [Y/n]", word)])
    shown = rest(process, master)
    assert process.wait() == 0 and "Nothing was moved." in shown
    traveller.still_here()


def test_asked_with_nothing_to_move(make_program, identity, pair):
    """Nobody's process is shown who may not be moved."""
    traveller = Traveller(make_program(identity), pair)
    process, master = interactive(traveller, pair)
    shown = rest(process, master)
    assert process.wait() == 1 and "none of yours runs with the agent" in shown
