"""Lazy restarts: the program runs before its memory is there, and never notices."""

import os
import re
import signal

import pytest

from harness import Identity, until
from harness.lazy import BEHAVIOURS, errors, flags, helpers, overwrite, saved, shape, truncate

# The image is read only where memory is touched (`touched`), or in the background as well.
WAYS = ["--lazy-touched", "--lazy"]


@pytest.fixture
def identity():
    """Only root may let system calls wait for memory."""
    return Identity("root")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("victim", BEHAVIOURS)
def test_behaves(program, victim, way):
    saved(program, victim)
    program.restart(way)
    program.go("restarted")
    program.passes()
    assert "all memory is read first" not in errors(program)


@pytest.mark.parametrize("way", WAYS)
def test_private_pids(program, way):
    saved(program, "forked")
    program.restart(way, "--private-pids")
    program.go("restarted")
    program.passes()


@pytest.mark.parametrize("how, status", [("exit", 0), ("abort", -signal.SIGABRT), ("exec", 0)])
@pytest.mark.parametrize("way", WAYS)
def test_ends(program, how, status, way):
    """Nobody is left when the program ends with most of its memory missing."""
    saved(program, "ends", how)
    program.restart(way)
    program.go("restarted")
    assert program.wait_front() == status, program.said()
    until(lambda: not helpers(program), "the end of the helper")


def test_killed(program):
    saved(program, "ends")
    program.restart("--lazy-touched")
    assert helpers(program)
    os.kill(program.pid, signal.SIGKILL)
    assert program.wait_front() == -signal.SIGKILL
    until(lambda: not helpers(program), "the end of the helper")


def test_is_whole_in_the_end(program):
    """When all is there, nothing is left of the restart, and the image may go."""
    program.start_victim("lazy/filled", "64")
    before = shape(program)
    image = program.checkpoint()
    program.kill()
    program.restart("--lazy")
    until(lambda: not helpers(program), "the end of the helper")
    until(lambda: " um" not in flags(program), "the end of what waits for memory")
    assert shape(program) == before
    assert os.readlink(f"/proc/{program.pid}/exe") == str(program.stage.victims / "lazy/filled")
    image.unlink()
    program.go("restarted")
    program.passes()


@pytest.mark.parametrize("way", WAYS)
def test_saved_again(program, way):
    """A checkpoint waits until all is there, and hurries it."""
    saved(program, "filled", "64")
    program.restart(way)
    image = program.checkpoint()
    assert not helpers(program)
    program.kill()
    assert os.stat(image).st_size > 64 << 20
    program.restart()
    program.go("restarted")
    program.passes()


def test_the_image_is_gone(program):
    """A name that is gone harms nobody: the file is still there."""
    image = saved(program, "filled", "64")
    program.restart("--lazy-touched")
    image.unlink()
    program.go("restarted")
    program.passes()


@pytest.mark.parametrize("harm, why", [(truncate, "the file ends too early"),
                                       (overwrite, "damaged|does not match its digest")])
def test_the_image_is_harmed(program, harm, why):
    """One clear last line, and the program is ended before it computes on anything wrong."""
    image = saved(program, "filled", "64")
    program.restart("--lazy-touched")
    harm(image)
    program.go("restarted")
    assert program.wait_front() == 65, program.said()
    lines = errors(program).strip().splitlines()
    assert re.search(f"the program had to be ended: the image is damaged.*({why})", lines[-2]), lines
    assert lines[-1].startswith("hint:")
    assert "pass" not in program.said() and "failed" not in program.said()
    until(lambda: not helpers(program), "the end of the helper")


def test_the_helper_is_killed(program):
    """Who waits for memory that nobody brings any more is ended."""
    saved(program, "filled", "64")
    program.restart("--lazy-touched")
    [helper] = helpers(program)
    os.kill(helper, signal.SIGKILL)
    program.go("restarted")
    assert program.wait_front() == 1, program.said()
    assert "the program had to be ended: the process that read its memory was killed" in errors(program)
    assert "pass" not in program.said() and "failed" not in program.said()


def test_the_supervisor_is_killed(program):
    """Then the helper brings the rest on its own."""
    saved(program, "filled", "64")
    program.restart("--lazy-touched")
    os.kill(program.front.pid, signal.SIGKILL)
    program.wait_front()
    program.go("restarted")
    until(lambda: "pass\n" in program.text() or "failed" in program.text(), "the victim's word")
    assert "failed" not in program.text()


def test_detached(program):
    """The restart stays in the background as long as memory is missing."""
    saved(program, "filled", "64")
    result = program.run(program.stage.build / "restart", "--lazy-touched", "--detach", "myckpt")
    assert result.returncode == 0, result.stderr
    assert helpers(program)
    program.go("restarted")
    until(lambda: "pass\n" in program.text(), "the victim's word")
    until(lambda: not helpers(program), "the end of the helper")


@pytest.mark.parametrize("way", [(), *((way,) for way in WAYS)])
def test_a_chain(chain, way):
    program, _ = chain
    program.restart(*way, image="image.2")
    program.go("restarted")
    program.passes()


def test_a_link_is_harmed(chain):
    """The last line says which one."""
    program, first = chain
    program.restart("--lazy-touched", image="image.2")
    truncate(first)
    program.go("restarted")
    assert program.wait_front() == 65, program.said()
    assert re.search(r"the program had to be ended: the image is damaged in the data of region 0x\w+ image.1: "
                     "the file ends too early", errors(program))


def family(program, *options):
    """A program whose child, forked since the restart, lacks memory as well; and that child."""
    saved(program, "family")
    program.restart("--lazy-touched", *options)
    program.go("restarted")
    until(lambda: re.search(r"^parent$", program.text(), re.M) and re.search(r"^child \d+$", program.text(), re.M),
          "a child")
    return int(re.search(r"^child (\d+)$", program.text(), re.M).group(1))


def look(program):
    (program.folder / "look").touch()


def test_a_family(program):
    family(program)
    look(program)
    program.passes()


def test_a_family_without_a_helper(program):
    """Child and parent are ended before either sees what nobody brought."""
    child = family(program)
    os.kill(helpers(program)[0], signal.SIGKILL)
    look(program)
    assert program.wait_front() == 1, program.said()
    until(lambda: program.gone(child), "the child's end")
    assert "has all" not in program.text() and "failed" not in program.text()


def test_a_family_without_an_image(program):
    child = family(program)
    truncate(program.folder / "myckpt")
    look(program)
    assert program.wait_front() == 65, program.said()
    until(lambda: program.gone(child), "the child's end")
    assert "has all" not in program.text() and "failed" not in program.text()


def test_a_child_that_outlives_the_program(program):
    """It still gets its memory."""
    family(program)
    os.kill(program.pid, signal.SIGKILL)
    program.wait_front()
    look(program)
    until(lambda: "child has all\n" in program.text() or "failed" in program.text(), "the child's word")
    assert "failed" not in program.text()
    until(lambda: not helpers(program), "the end of the helper")
