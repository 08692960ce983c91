"""`ckpt migrate --precopy`: most of the memory goes over while the program runs."""

import os
import re
import signal
import subprocess

import pytest

from harness import until
from harness.traveller import PYTHON, RELAY, Traveller, left_behind

# Cuts also where the last round is over: CKPT_FRAME_END of ckpt_rounds.h.
LINK = RELAY.replace('said = b""', 'said = tail = b""').replace(
    'if how == "down" and',
    'tail = tail[-23:] + data\n        if how == "end" and down >= int(where) and b"\\3" + bytes(23) in tail: end()\n        if how == "down" and')

# Pages, and how many of them are written in a second: nothing it says is said before it looked at its memory.
LOAD = ("4096", "200")


class Writer(Traveller):
    """A program that writes all the time, and checks itself."""

    def __init__(self, program, pair, *load, env=()):
        super().__init__(program, pair)
        self.words, self.load, self.env = (b"writer", load[0].encode()), load, env

    def begin(self):
        path = self.program.stage.victims / "migrate" / "writer"
        self.start(*(f"{name}={value}" for name, value in self.env), path, *self.load)
        self.moves_on()
        return self

    def check(self):
        assert "failed" not in self.program.said(), self.program.said()
        super().check()

    def ahead(self, result):
        """How many rounds, and how many MiB came behind them."""
        found = re.search(r": .* in (\d+) rounds while it ran, then ([\d.]+) (KiB|MiB)", result.stdout)
        assert found, f"not copied ahead: {result.stdout}{result.stderr}"
        return int(found[1]), float(found[2]) / (1024 if found[3] == "KiB" else 1)


@pytest.fixture
def writer(program, pair):
    return Writer(program, pair, *LOAD).begin()


@pytest.fixture
def relay(writer, pair):
    path = writer.program.folder / "relay.py"
    path.write_text(LINK)
    return lambda how, where: f"{PYTHON} {path} {how} {where} {pair.ssh(writer.identity)}"


def test_back_and_forth(writer):
    for _ in range(int(os.environ.get("CKPT_JOURNEYS", "8"))):
        rounds, rest = writer.ahead(writer.goes("--precopy"))
        # Of 16 MiB, and a libc.
        assert rounds >= 2 and rest < 12
    # What it looks at in turns, it has looked at.
    count = len(writer.lines())
    until(lambda: len(writer.lines()) > count + 100, "more turns")
    writer.check()


def test_in_turns_with_ordinary_ones(writer):
    for options in (("--precopy",), (), ("--precopy", "--fresh-pids"), ()):
        writer.goes(*options)
    writer.check()


def test_leaves_nothing_behind(writer, pair):
    before = left_behind(pair.machines[1])
    writer.goes("--precopy")
    assert left_behind(pair.machines[1]) == before
    # As many mappings as before a journey: a region stays one.
    counts = []
    for _ in range(2):
        writer.goes("--precopy")
        counts.append(len(open(f"/proc/{writer.pid()}/maps").readlines()))
    assert abs(counts[0] - counts[1]) < 8, counts


@pytest.mark.parametrize("how, where, phase", [
    ("word", "have", "while the program restart was copied there"),
    ("down", 4096, "while memory was copied ahead"),
    ("down", 8 << 20, "while memory was copied ahead"),
    # Whoever reads what is left notices sooner or later.
    ("end", 0, "while (memory was copied ahead|the image was sent|it was put in place there)"),
    ("word", "ready", "while it was put in place there"),
])
def test_cut(writer, relay, how, where, phase):
    """A link that is cut at any phase before the word leaves the program here, and none there."""
    if how in ("down", "end"):
        where += (writer.program.stage.build / "restart").stat().st_size
    writer.stays(writer.migrate("--precopy", ssh=relay(how, where)), "connection ended", phase, "goes on here")
    writer.ahead(writer.goes("--precopy"))
    writer.check()


@pytest.mark.parametrize("where", ["before", "after"])
def test_undecided(writer, relay, where):
    result = writer.migrate("--precopy", ssh=relay("go", where))
    assert result.returncode == 75, result.stderr
    stopped = [pid for pid in writer.processes() if writer.pair.where(pid) is writer.at]
    assert len(stopped) == 1
    if where == "before":
        until(lambda: len(writer.processes()) == 1, "the end of the other one")
        os.kill(stopped[0], signal.SIGCONT)
    else:
        os.kill(stopped[0], signal.SIGKILL)
        until(lambda: len(writer.processes()) == 1, "the end of the one here")
        writer.at = writer.pair.other(writer.at)
    writer.still_here()


def test_command_is_killed(writer, relay):
    """In the middle of the rounds: the program never stopped, and what copied it ends."""
    size = (writer.program.stage.build / "restart").stat().st_size
    command = writer.command("--precopy", ssh=relay("stall", size + (1 << 20)))
    process = writer.program.spawn(command, user=0, group=0, extra_groups=[0], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
    until(lambda: companions(writer), "what copies it")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not companions(writer), "the end of what copied it")
    writer.still_here()
    writer.ahead(writer.goes("--precopy"))
    writer.check()


def companions(writer):
    found = []
    for entry in os.scandir("/proc"):
        try:
            if entry.name.isdigit() and open(f"{entry.path}/comm").read() == "ckpt-precopy\n" \
                    and str(writer.program.folder).encode() in open(f"{entry.path}/environ", "rb").read():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_nothing_large(program, pair):
    """Nothing to copy ahead: it is moved all the same, and that is said."""
    writer = Writer(program, pair, "16", "16").begin()
    result = writer.goes("--precopy")
    assert "note: nothing was copied ahead: it has no region of 4 MiB" in result.stderr
    writer.check()


def test_a_series_goes_on(writer, relay):
    """Incremental images that a migration came between, which then failed: the next is right."""
    program = writer.program
    size = (program.stage.build / "restart").stat().st_size

    def save():
        result = program.run(*writer.at.enter(), *writer.prefix(), program.stage.build / "ckpt", "save", "--incremental",
                             str(writer.at.inside(writer.pid())), user=0, group=0, extra_groups=[0])
        assert result.returncode == 0, result.stderr

    save()
    save()
    writer.stays(writer.migrate("--precopy", ssh=relay("down", size + (8 << 20))), "connection ended")
    for _ in range(2):
        save()
        images = sorted(program.folder.glob("myckpt*"))
        assert images
        for image in images:
            result = program.ckpt("verify", image)
            assert result.returncode == 0, result.stderr
    writer.check()
