"""A checkpoint harms no program, whatever it does with signals and system calls: it is saved, or refused in words."""

import os
import signal
import subprocess

import pytest

from harness import Identity, refused, until

LOOPS = int(os.environ.get("CKPT_LOOPS", "20"))
WAYS = ("sigwait", "timed", "poll", "descriptor", "blocked", "thread")
# These wait until a signal comes, and the driver's word is none.
ENDLESS = ("sigwait", "descriptor", "thread")


def wake(program, way):
    """Sends SIGUSR1, which the victim expects, until it has ended."""
    if way not in ENDLESS:
        return
    target = program.pid

    def ended():
        try:
            os.kill(target, signal.SIGUSR1)
        except ProcessLookupError:
            return True
        return program.front.poll() is not None

    until(ended, "the victim's end")


def test_program_that_executes_itself(program):
    """Asked again and again while it is between two programs, it is never ended by the signal."""
    program.start_victim("signals/executes")
    saved = 0
    for _ in range(5 * LOOPS):
        result = program.ckpt("save", "-q", str(program.pid), "-o", "image")
        program.alive()
        saved += result.returncode == 0
    assert saved > 0, "not one checkpoint got through"
    program.go("on")
    program.passes()


@pytest.mark.parametrize("way", WAYS)
def test_no_signal_gets_through(program, way):
    """The program's own waits for signals never see the agent's."""
    program.start_victim("signals/waits_for_all", way)
    for _ in range(LOOPS):
        program.checkpoint()
    program.go("on")
    wake(program, way)
    program.passes()


@pytest.mark.parametrize("way", WAYS)
def test_no_signal_gets_through_restarted(program, way):
    program.start_victim("signals/waits_for_all", way)
    program.checkpoint()
    program.kill()
    program.restart()
    program.checkpoint()
    program.go("restarted")
    wake(program, way)
    program.passes()
