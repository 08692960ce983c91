"""Lazy restarts that show the image itself until all was read: what users get who are not root."""

import os
import re
import signal

import pytest

from harness import until
from test_lazy import VICTIMS, errors, flags, helpers, overwrite, saved, shape, truncate

WAY = "--lazy-mapped"


def is_mapped(program):
    """No note says that it was done in another way."""
    assert "all memory is read first" not in errors(program)


@pytest.mark.parametrize("victim", VICTIMS)
def test_behaves(program, victim):
    saved(program, victim)
    program.restart(WAY)
    program.go("restarted")
    program.passes()
    is_mapped(program)


@pytest.mark.parametrize("how, status", [("exit", 0), ("abort", -signal.SIGABRT), ("exec", 0)])
def test_ends(program, how, status):
    saved(program, "ends", how)
    program.restart(WAY)
    program.go("restarted")
    assert program.wait_front() == status, program.said()
    until(lambda: not helpers(program), "the end of the helper")
    is_mapped(program)
