"""A program that counts on one of two machines, and links between them that break."""

import os
import re
import shutil
import signal

import pytest

from harness.machines import Pair
from harness.processes import marked_processes
from harness.waiting import until

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


def left_behind(machine):
    return set(machine.temporary.iterdir())


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
            watched.remove(0); open(sys.argv[0] + ".stalled", "w").close(); continue
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


def undecided(traveller, relay, where):
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
