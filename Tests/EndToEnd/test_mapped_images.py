"""Lazy restarts that show the image itself until all was read: what users get who are not root."""

import os
import re
import signal

import pytest

from harness import until
from harness.lazy import BEHAVIOURS, errors, helpers, overwrite, saved, shape, truncate

# The image is read in the background, or (`touched`) not before somebody has to wait for all of it.
BACKGROUND = ["--lazy-mapped"]
TOUCHED = ["--lazy-mapped", "--lazy-touched"]
WAYS = pytest.mark.parametrize("way", [BACKGROUND, TOUCHED], ids=["background", "touched"])


def is_mapped(program):
    """No note says that it was done in another way."""
    assert "all memory is read first" not in errors(program)


def maps(program):
    with open(f"/proc/{program.pid}/maps") as text:
        return text.read()


def tracer(program):
    with open(f"/proc/{program.pid}/status") as text:
        return int(re.search(r"TracerPid:\s*(\d+)", text.read()).group(1))


@WAYS
@pytest.mark.parametrize("victim", [*BEHAVIOURS, "calls", "signalled"])
def test_behaves(program, victim, way):
    saved(program, victim)
    program.restart(*way)
    program.go("restarted")
    program.passes()
    is_mapped(program)


@WAYS
@pytest.mark.parametrize("how, status", [("exit", 0), ("abort", -signal.SIGABRT), ("exec", 0)])
def test_ends(program, how, status, way):
    saved(program, "ends", how)
    program.restart(*way)
    program.go("restarted")
    assert program.wait_front() == status, program.said()
    until(lambda: not helpers(program), "the end of the helper")
    is_mapped(program)


def test_a_user_gets_it(make_program, user):
    program = make_program(user)
    saved(program, "filled", "64")
    program.restart("--lazy-touched")
    assert "myckpt" in maps(program)
    assert tracer(program) != 0
    program.go("restarted")
    program.passes()
    is_mapped(program)


def test_is_whole_in_the_end(program):
    """When all is there, nothing is left of the restart, and the image may go."""
    program.start_victim("lazy/filled", "64")
    before = shape(program)
    image = program.checkpoint()
    program.kill()
    program.restart(*BACKGROUND)
    until(lambda: not helpers(program), "the end of the helper")
    assert shape(program) == before
    assert "myckpt" not in maps(program)
    assert tracer(program) == 0
    image.unlink()
    program.go("restarted")
    program.passes()
    is_mapped(program)


@WAYS
def test_saved_again(program, way):
    """A checkpoint waits until all is there, and hurries it."""
    saved(program, "filled", "64")
    program.restart(*way)
    image = program.checkpoint()
    assert not helpers(program)
    program.kill()
    assert os.stat(image).st_size > 64 << 20
    program.restart()
    program.go("restarted")
    program.passes()


def test_killed(program):
    saved(program, "ends")
    program.restart(*TOUCHED)
    os.kill(program.pid, signal.SIGKILL)
    assert program.wait_front() == -signal.SIGKILL
    until(lambda: not helpers(program), "the end of the helper")


def test_stopped(program):
    """SIGSTOP and SIGCONT do what they do."""
    saved(program, "filled", "64")
    program.restart(*TOUCHED)
    os.kill(program.pid, signal.SIGSTOP)

    def state():
        with open(f"/proc/{program.pid}/stat") as text:
            return text.read().rsplit(")", 1)[1].split()[0]

    until(lambda: state() in "Tt", "the stop")
    program.go("restarted")
    os.kill(program.pid, signal.SIGCONT)
    program.front.send_signal(signal.SIGCONT)
    program.passes()


def test_the_image_is_gone(program):
    image = saved(program, "filled", "64")
    program.restart(*TOUCHED)
    image.unlink()
    program.go("restarted")
    program.passes()


@pytest.mark.parametrize("harm, why", [(truncate, "the file ends too early"),
                                       (overwrite, "damaged|does not match its digest")])
def test_the_image_is_harmed(program, harm, why):
    """One clear last line, and the program is ended: it never ends well on anything wrong."""
    image = saved(program, "ends")
    program.restart(*TOUCHED)
    harm(image)
    program.go("restarted")
    assert program.wait_front() == 65, program.said()
    lines = errors(program).strip().splitlines()
    assert re.search(f"the program had to be ended: the image is damaged.*({why})", lines[-2]), lines
    assert lines[-1].startswith("hint:")
    until(lambda: not helpers(program), "the end of the helper")


@WAYS
def test_the_helper_is_killed(program, way):
    saved(program, "filled", "512")
    program.restart(*way)
    for helper in helpers(program):
        os.kill(helper, signal.SIGKILL)
    if way == TOUCHED:
        assert program.wait_front() == 1, program.said()
        assert "the program had to be ended: the process that read its memory was killed" in errors(program)
    else:
        # Whether it was still at work or not: the program is ended, or has everything.
        program.go("restarted")
        if program.wait_front() == 0:
            assert "pass\n" in program.said()
        else:
            assert "the process that read its memory was killed" in errors(program)
    assert "failed" not in program.said()


def test_the_supervisor_is_killed(program):
    """Without a namespace of its own, the program goes on, and gets the rest."""
    saved(program, "filled", "64")
    program.restart(*TOUCHED)
    os.kill(program.front.pid, signal.SIGKILL)
    program.wait_front()
    if not program.identity.is_root:
        until(lambda: program.gone(program.pid), "the program's end")
        return
    program.go("restarted")
    until(lambda: "pass\n" in program.text() or "failed" in program.text(), "the victim's word")
    assert "failed" not in program.text()


@WAYS
def test_a_chain(chain, way):  # noqa: F811
    program, _ = chain
    program.restart(*way, image="image.2")
    program.go("restarted")
    program.passes()
    is_mapped(program)
