"""Images that are copied ahead, while the program writes."""

import os
import signal

import pytest

from harness import ROUNDS, Series, marked_processes, restart_from, until

# Pages per thread, and how many of them it writes: a few, so that little is left for the standstill; or all.
LOADS = {"few": ("8192", "32"), "all": ("8192", "8192")}


def start(program, load, **environment):
    program.start_victim("incremental/busy", *LOADS[load], env={"CKPT_VERBOSE": "1", **environment})


def verified(program, image="myckpt"):
    result = program.ckpt("verify", image)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("how", ("command", "signal"))
def test_restarted(program, load, how):
    start(program, load, **({"CKPT_PRECOPY": "1"} if how == "signal" else {}))
    program.checkpoint(how, options=("--precopy",) if how == "command" else ())
    verified(program)
    program.kill()
    program.restart()
    program.go("restarted")
    program.passes()


@pytest.mark.parametrize("load", LOADS)
def test_goes_on(program, load):
    start(program, load)
    for _ in range(3):
        program.checkpoint(options=("--precopy",))
        verified(program)
    program.go("on")
    program.passes()


def test_a_program_that_writes_little_hardly_stops(program):
    start(program, "few")
    program.checkpoint(options=("--precopy",))
    result = program.ckpt("save", str(program.pid), "--precopy", "--json")
    assert '"precopy"' in result.stdout.replace("-", "").lower(), result.stdout


def test_every_way(program):
    series = Series(program, "11", CKPT_INCREMENTAL="0", CKPT_PRECOPY="1")
    for _ in range(ROUNDS):
        series.await_round()
        series.save()
        series.play()
    series.await_round()
    restart_from(series, ROUNDS)
    series.round = ROUNDS
    series.play()
    series.await_round()
    series.save()
    restart_from(series, ROUNDS + 1)
    series.finish()


def test_then_incremental(program):
    """An image that was copied ahead is the parent of the next."""
    series = Series(program, "12")
    sizes = []
    for options in (("--precopy",), (), (), ("--precopy",), ()):
        series.await_round()
        sizes.append(os.stat(series.save(options=options)).st_size)
        series.play()
    assert max(sizes[1], sizes[2], sizes[4]) < sizes[0] / 2 < sizes[3], sizes
    series.await_round()
    restart_from(series, 5)
    series.finish()


def test_the_companion_goes_when_the_program_does(program):
    start(program, "all", CKPT_PRECOPY="1")
    os.kill(program.pid, signal.SIGUSR2)
    until(lambda: len(marked_processes(program.folder)) > 1, "the companion")
    os.kill(program.pid, signal.SIGKILL)
    program.wait_front()
    until(lambda: not marked_processes(program.folder), "the companion's end")
    assert not (program.folder / "myckpt").exists()
