"""Many cycles in a row, each checkpoint taken from the program that the one before brought back."""

import os

import pytest

CYCLES = int(os.environ.get("CKPT_CYCLES", "200"))


@pytest.mark.parametrize("aslr", [True, False], ids=["randomised", "fixed"])
def test_cycles(make_program, user, aslr):
    """A futex and a condition variable are held, or waited for, at every moment."""
    program = make_program(user)
    program.start_victim("threads/mutex_handoff", aslr=aslr)
    for cycle in range(CYCLES):
        program.commands[:] = program.commands[:20] + [f"# cycle {cycle}"] + program.commands[-8:]
        program.checkpoint("signal" if cycle % 2 else "command")
        program.kill()
        program.restart()
    program.go("restarted")
    program.passes()
