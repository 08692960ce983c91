"""Waiting for conditions, and what a refusal looks like."""

import os
import re
import time

import pytest

DEADLINE = float(os.environ.get("CKPT_DEADLINE", "60"))

# What a command of ours may end with when it refuses: documented in the manual pages.
REFUSALS = {1, 64, 65, 69, 70, 77}


def until(condition, what, deadline=None):
    """Waits for `condition()` to be true, and returns what it gave."""
    end = time.monotonic() + (deadline or DEADLINE)
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            pytest.fail(f"waited {deadline or DEADLINE:.0f} s in vain: {what}", pytrace=True)
        time.sleep(0.003)


def refused(result, names=()):
    """Checks that a command refused: one line that says why (and maybe hints), a documented status, no trap."""
    assert result.returncode in REFUSALS, f"ended with {result.returncode}: {result.stderr}"
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert lines, "it refused without a word"
    assert len([line for line in lines if not line.startswith("hint:")]) == 1, f"more than one line and hints: {result.stderr}"
    assert "Fatal error" not in result.stderr
    for name in names:
        assert re.search(name, result.stderr, re.IGNORECASE), f"'{name}' is not named: {result.stderr}"
    return lines[0]
