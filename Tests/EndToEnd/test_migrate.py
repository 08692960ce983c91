"""`ckpt migrate`: of two, exactly one runs."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from harness import DEADLINE, marked_processes, until
from machines import Pair

# One that every user may run.
PYTHON = "/usr/bin/python3"

# Counts, and says where: a second one of it would say a number again, a lost one would leave one out.
COUNTER = """
import os, time
out = os.open("numbers", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
held = bytes(range(256)) * 4096
number = 0
while True:
    number += 1
    os.write(out, b"%d %s\\n" % (number, os.uname().nodename.encode()))
    time.sleep(0.001)
"""


class Traveller:
    """A program that counts, on one of two machines."""

    def __init__(self, program, pair):
        self.words = (b"python", b"-c")
        self.program, self.pair, self.identity = program, pair, program.identity
        self.at = pair.machines[0]
        self.numbers = program.folder / "numbers"

    def begin(self):
        self.start(PYTHON, "-c", COUNTER)
        self.moves_on()
        return self

    def start(self, *words):
        prefix = self.at.enter()
        if not self.identity.is_root:
            prefix += ["setpriv", "--reuid", str(self.identity.uid), "--regid", str(self.identity.gid), "--clear-groups"]
        # The agent only for the program itself, whatever brings it into the machine.
        self.program.start(*prefix, "env", "-C", self.program.folder, f"LD_PRELOAD={self.program.stage.build / 'libckpt.so'}",
                           *words, agent=False, user=0, group=0, extra_groups=[0])

    def processes(self):
        """Those that run the counter itself, not what is in front of it."""
        found = []
        for pid in marked_processes(self.program.folder):
            try:
                words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
                state = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
                if words[0].endswith(b"nsenter") or b"migrate" in words or state == "Z":
                    continue
                if self.words[0] in words[0] and words[1] == self.words[1]:
                    found.append(pid)
            except OSError:
                continue
        return found

    def pid(self):
        found = self.processes()
        assert len(found) == 1, f"{len(found)} of it: {found}"
        return found[0]

    def lines(self):
        return [] if not self.numbers.exists() else self.numbers.read_text().split("\n")[:-1]

    def moves_on(self):
        count = len(self.lines())
        until(lambda: len(self.lines()) > count + 3, f"more numbers\n{self.program.said()}")

    def check(self):
        """No number twice, none left out."""
        numbers = [int(line.split()[0]) for line in self.lines()]
        assert numbers == list(range(1, len(numbers) + 1))

    def command(self, *options, ssh=None, destination=None):
        target = self.at.inside(self.pid())
        there = self.pair.other(self.at)
        return [*self.at.enter(), *self.prefix(), str(self.program.stage.build / "ckpt"), "migrate", *options,
                "--ssh", ssh or self.pair.ssh(self.identity), str(target),
                destination or self.pair.user(self.identity, there)]

    def prefix(self):
        if self.identity.is_root:
            return []
        return ["setpriv", "--reuid", str(self.identity.uid), "--regid", str(self.identity.gid), "--clear-groups"]

    def migrate(self, *options, **more):
        return self.program.run(*self.command(*options, **more), user=0, group=0, extra_groups=[0])

    def goes(self, *options):
        result = self.migrate(*options)
        assert result.returncode == 0, f"{result.returncode}: {result.stderr}\n{self.program.said()}"
        self.at = self.pair.other(self.at)
        assert f"runs on {self.pair.user(self.identity, self.at)} as process" in result.stdout
        assert self.pair.where(self.pid()) is self.at
        self.moves_on()
        return result

    def stays(self, result, *names):
        """It runs on where it was, once, and nothing of it is elsewhere."""
        assert result.returncode not in (0, 75), result.stdout
        for name in names:
            assert re.search(name, result.stderr), f"'{name}' is not said: {result.stderr}"
        self.still_here()

    def still_here(self):
        until(lambda: len(self.processes()) == 1, f"one of it: {self.processes()}")
        assert self.pair.where(self.pid()) is self.at
        self.moves_on()
        self.check()


@pytest.fixture(scope="module")
def pair(tmp_path_factory, stage):
    folder = stage.root / "machines"
    folder.mkdir(mode=0o755)
    pair = Pair(folder)
    yield pair
    pair.end()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def traveller(program, pair):
    return Traveller(program, pair).begin()


def test_back_and_forth(traveller):
    """Many journeys of one process that counts."""
    for _ in range(int(os.environ.get("CKPT_JOURNEYS", "10"))):
        traveller.goes()
    traveller.check()
    hosts = {line.split()[1] for line in traveller.lines()}
    assert hosts >= {"here", "there"} or os.environ.get("CKPT_JOURNEYS") == "0"


def test_redis(make_program, identity, pair):
    """A server with data: it has them over there, and listens there."""
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    program = make_program(identity)
    traveller = Traveller(program, pair)
    traveller.words = (b"redis-server", b"--port")
    port = "6401" if identity.is_root else "6402"
    traveller.start("redis-server", "--port", port, "--save", "", "--set-proc-title", "no", "--dir", program.folder)

    def ask(*words, text=None):
        return subprocess.run([*traveller.at.enter(), "redis-cli", "-p", port, *words], input=text, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.strip()

    until(lambda: ask("ping") == "PONG", f"redis\n{program.said()}")
    ask(text="".join(f"set key:{n} {'x' * 100}{n}\n" for n in range(5000)))
    digest = ask("debug", "digest")
    for count in range(4):
        ask("incr", "journeys")
        result = traveller.migrate()
        assert result.returncode == 0, result.stderr
        traveller.at = pair.other(traveller.at)
        assert traveller.pair.where(traveller.pid()) is traveller.at
        assert ask("get", "journeys") == str(count + 1)
        assert ask("dbsize") == "5001"
        assert ask("get", "key:4999") == "x" * 100 + "4999"
    ask("del", "journeys")
    assert ask("debug", "digest") == digest


def left_behind(machine):
    return set(machine.temporary.iterdir())


def test_leaves_nothing_behind(traveller, pair):
    before = left_behind(pair.machines[1])
    traveller.goes()
    assert left_behind(pair.machines[1]) == before


def test_file_is_missing_there(traveller, pair):
    """What the other side lacks: it says what, and the program goes on here."""
    there = pair.machines[1]
    there.run("mount", "-t", "tmpfs", "tmpfs", traveller.program.folder)
    try:
        before = left_behind(there)
        traveller.stays(traveller.migrate(), "ENOENT", str(traveller.program.folder))
        assert left_behind(there) == before
    finally:
        there.run("umount", traveller.program.folder)
    traveller.goes()


def test_no_connection(traveller):
    traveller.stays(traveller.migrate(ssh="ssh -F /dev/null -o BatchMode=yes -p 1 -o ConnectTimeout=5"), "connection ended")


def test_no_such_command(traveller):
    traveller.stays(traveller.migrate(ssh="/no/such/ssh"), "can't be started.*ENOENT")


def test_login_refused(traveller):
    ssh = "ssh -F /dev/null -p 2222 -i /dev/null -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    traveller.stays(traveller.migrate(ssh=ssh), "Permission denied", "before anything was sent")


# What stands between `ckpt` and ssh, and cuts the link: after so many bytes down, or before or after a word up.
RELAY = '''
import os, select, subprocess, sys
how, where = sys.argv[1], sys.argv[2]
child = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
down = up = 0
said = b""
cut = False
def end():
    child.kill(); os._exit(255)
watched = [0, child.stdout.fileno()]
while True:
    ready = select.select(watched, [], [])[0]
    if 0 in ready:
        data = os.read(0, 65536)
        if not data:
            watched.remove(0); child.stdin.close(); continue
        if how == "down" and down + len(data) > int(where): end()
        if how in ("go", "hold") and data in (b"go\\n", b"\\3\\0\\0\\0\\0"):
            if where == "before": end()
            os.write(child.stdin.fileno(), data)
            # Until the answer is there, which is then not handed on.
            while b"runs" not in said: said += os.read(child.stdout.fileno(), 65536)
            if how == "hold": open(where, "w").close(); select.select([], [], [])
            end()
        if how == "stall" and down + len(data) > int(where):
            watched.remove(0); continue
        view = memoryview(data)
        while view: view = view[os.write(child.stdin.fileno(), view):]
        down += len(data)
    if child.stdout.fileno() in ready:
        data = os.read(child.stdout.fileno(), 65536)
        if not data:
            os._exit(child.wait())
        said += data
        if how == "word" and where.encode() in said: end()
        os.write(1, data)
'''


@pytest.fixture
def relay(traveller, pair):
    path = traveller.program.folder / "relay.py"
    path.write_text(RELAY)
    path.chmod(0o755)
    return lambda how, where: f"{PYTHON} {path} {how} {where} {pair.ssh(traveller.identity)}"


@pytest.mark.parametrize("how, where, phase", [
    ("word", "send", "before anything was sent"),
    ("down", 1 << 20, "while the program restart was copied there"),
    ("word", "have", "while the program restart was copied there"),
    ("down", "restart", "while the image was sent"),
    ("down", "restart+half", "while the image was sent"),
    ("word", "ready", "while it was put in place there"),
])
def test_cut(traveller, relay, how, where, phase):
    """A link that is cut at any phase before the word leaves the program here, and none there."""
    size = (traveller.program.stage.build / "restart").stat().st_size
    where = {"restart": size + 4096, "restart+half": size + (1 << 20)}.get(where, where)
    traveller.stays(traveller.migrate(ssh=relay(how, where)), "connection ended", phase, "goes on here")
    # What is cut can be done again.
    traveller.goes()
    traveller.check()


@pytest.mark.parametrize("where", ["before", "after"])
def test_undecided(traveller, relay, where):
    """Cut between the word and its answer: stopped here, and what the hints say decides."""
    result = traveller.migrate(ssh=relay("go", where))
    assert result.returncode == 75, result.stderr
    assert "cannot tell" in result.stderr and "kill -CONT" in result.stderr
    stopped = [pid for pid in traveller.processes()
               if traveller.pair.where(pid) is traveller.at]
    assert len(stopped) == 1
    assert open(f"/proc/{stopped[0]}/stat").read().rsplit(")", 1)[1].split()[0] == "T"
    if where == "before":
        until(lambda: len(traveller.processes()) == 1, "the end of the other one")
        os.kill(stopped[0], signal.SIGCONT)
        traveller.still_here()
    else:
        assert len(traveller.processes()) == 2
        os.kill(stopped[0], signal.SIGKILL)
        until(lambda: len(traveller.processes()) == 1, "the end of the one here")
        traveller.at = traveller.pair.other(traveller.at)
        traveller.still_here()


def test_command_killed_after_the_word(traveller, relay):
    """Whoever kills `ckpt` at the worst moment does not make two of it."""
    answered = traveller.program.folder / "answered"
    command = traveller.command(ssh=relay("hold", answered))
    process = traveller.program.spawn(command, user=0, group=0, extra_groups=[0],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(answered.exists, "the answer")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    states = {traveller.pair.where(pid).name: open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
              for pid in traveller.processes()}
    assert states.keys() == {"here", "there"} and states["here"] == "T"
    count = len(traveller.lines())
    until(lambda: len(traveller.lines()) > count + 10, "numbers of the one there")
    traveller.check()


def test_stalled_receiver(traveller, relay):
    """A link on which nothing moves any more."""
    size = (traveller.program.stage.build / "restart").stat().st_size
    result = traveller.migrate("--idle-timeout", "2s", ssh=relay("stall", size + (1 << 20)))
    traveller.stays(result, r"nothing moved for 2 s", "while the image was sent")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(traveller, relay, number):
    size = (traveller.program.stage.build / "restart").stat().st_size
    process = traveller.program.spawn(traveller.command(ssh=relay("stall", size + (1 << 20))), user=0, group=0,
                                      extra_groups=[0], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    count = -1

    def still():
        nonlocal count
        before, count = count, len(traveller.lines())
        time.sleep(0.3)
        return before == count

    until(still, "the program to stand still")
    for pid in marked_processes(traveller.program.folder):
        if open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")[0].endswith(b"/ckpt"):
            os.kill(pid, number)
    assert process.wait(DEADLINE) == 1
    assert "interrupted by" in process.stderr.read().decode()
    traveller.still_here()


def test_usage(program):
    for words in (["migrate"], ["migrate", "1"], ["migrate", "--ssh", "", "1", "x"], ["migrate", "1", "-x"],
                  ["migrate", "--fresh-pids", "--private-pids", "1", "x"]):
        assert program.ckpt(*words).returncode == 64


def test_no_such_process(program):
    result = program.ckpt("migrate", "999999", "nobody@nowhere")
    assert result.returncode == 1 and "no such process" in result.stderr
