"""A checkpoint harms no program, whatever it does with signals and system calls: it is saved, or refused in words."""

import os
import signal

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


def test_program_that_is_being_brought_back(program):
    """Asked before `restart` has brought it back, `ckpt save` waits for it."""
    program.start_victim("process/spins")
    program.checkpoint()
    program.kill()
    image = program.folder / "again"
    for _ in range(LOOPS):
        process = program.spawn([program.stage.build / "restart", "myckpt"])
        result = program.ckpt("save", "-q", str(process.pid), "-o", image, "--kill")
        assert result.returncode == 0, result.stderr
        process.wait()
        image.unlink()


# Seccomp and dispatch

def confined(program, *arguments):
    program.start_victim("process/fenced", *arguments)
    return program


@pytest.mark.parametrize("end", ("kill", "trap", "error"))
@pytest.mark.parametrize("width", ("narrow", "wide"))
def test_filters_are_named_before_any_signal(program, width, end):
    """A program with filters of its own is refused, and nothing has happened to it."""
    confined(program, width, end)
    result = program.ckpt("save", str(program.pid))
    refused(result, ["seccomp filter", "--without-seccomp"])
    program.go("on")
    program.passes()


def test_filter_that_forbids_a_call_is_found_by_root(make_program):
    program = confined(make_program(Identity("root")), "narrow", "kill")
    result = program.ckpt("save", "--without-seccomp", str(program.pid))
    refused(result, ["seccomp filters forbid"])
    program.go("on")
    program.passes()


def test_filters_may_be_forgone(program):
    confined(program, "wide", "error")
    result = program.ckpt("save", "--without-seccomp", str(program.pid))
    assert result.returncode == 0, result.stderr
    program.go("on")
    program.passes()


def test_dispatched_calls_are_named(program):
    program.start_victim("process/dispatched")
    result = program.ckpt("save", str(program.pid))
    refused(result, ["PR_SET_SYSCALL_USER_DISPATCH"])
    program.go("on")
    program.passes()
