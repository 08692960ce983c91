"""Periodic checkpoints: they come by themselves, and the program does not notice."""

import os
import re
from pathlib import Path

import pytest

from harness import until
from harness.calls import CALLS, finish_eintr, report, verdict
from harness.periodic import AGENTS_VALUE, ticks


TIMED = [name for name, needs, ends in CALLS if needs == "plain" and ends]
ENDLESS = [name for name, needs, ends in CALLS if needs == "plain" and not ends]


def start_blocked(make_program, identity, name, timeout):
    program = make_program(identity)
    program.environment.update(CKPT_INTERVAL="250ms", CKPT_VERBOSE="1")
    program.start_victim("blocking/eintr", "--main", name, env={"VICTIM_TIMEOUT": str(timeout)})
    return program


@pytest.mark.parametrize("group", range(4))
def test_time_outs_end_though_checkpoints_come_more_often(make_program, identity, group):
    """The thread that the timer hits waits with a time-out of several intervals: it ends, and not early."""
    programs = {name: start_blocked(make_program, identity, name, 2500) for name in TIMED[group::4]}
    for program in programs.values():
        program.go("on")
    verdicts = {name: verdict(finish_eintr(program, "on"), name) for name, program in programs.items()}
    assert all(ticks(program) >= 3 for program in programs.values())
    report(verdicts)


@pytest.mark.parametrize("group", range(4))
def test_waits_go_on_under_periodic_checkpoints(make_program, identity, group):
    """A call without a time-out is still waiting after several of them."""
    programs = {name: start_blocked(make_program, identity, name, 0) for name in ENDLESS[group::4]}
    for program in programs.values():
        until(lambda: ticks(program) >= 3 or not program.alive(), f"three checkpoints\n{program.said()}")
    report({name: verdict(finish_eintr(program, "on"), name) for name, program in programs.items()})


def test_a_time_out_ends_after_a_restart(make_program, identity):
    """Saved in the middle of a wait and restarted, it is still watched, and periodic checkpoints go on."""
    program = start_blocked(make_program, identity, "poll_timeout", 4000)
    until(lambda: ticks(program) >= 3, "three checkpoints")
    program.kill()
    program.restart()
    until(lambda: ticks(program) >= 6 or not program.alive(), f"three more\n{program.said()}")
    report({"poll_timeout": verdict(finish_eintr(program, "restarted"), "poll_timeout")})


def test_the_programs_own_timers_have_their_ids(make_program, identity):
    """The agent's timer takes none of them, is not in the image, and is there again after a restart."""
    program = make_program(identity)
    program.environment.update(CKPT_INTERVAL="1h")
    program.start_victim("signals/posix_timers")

    def timers():
        text = Path(f"/proc/{program.pid}/timers").read_text()
        found = dict(zip(re.findall(r"^ID: (\d+)", text, re.M), re.findall(r"^signal: \d+/(\w+)", text, re.M)))
        agents = {key for key, value in found.items() if value == AGENTS_VALUE}
        return set(found) - agents, agents

    before, agents = timers()
    assert len(agents) == 1
    if tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 16):
        assert "1" in before and agents == {str(2**31 - 1)}, "the program's first timer, now deleted, was not 0"
    program.checkpoint()
    program.kill()
    program.restart()
    after, agents = timers()
    assert after == before and len(agents) == 1
    program.go("restarted")
    program.passes()


def test_the_program_runs_though_no_checkpoint_is_possible(make_program, user):
    """Each try takes longer than the interval; in between the program has an interval for itself."""
    program = make_program(user)
    program.environment.update(CKPT_INTERVAL="100ms", CKPT_TIMEOUT="1")
    program.start_victim("refused/vfork")
    program.ckpt("save", str(program.pid))      # the timer would have gone off meanwhile

    def failures():
        return program.err.read_text().count("no checkpoint")

    until(lambda: failures() >= 2 or not program.alive(), f"two tries\n{program.said()}")
    program.go("on")
    program.passes()
