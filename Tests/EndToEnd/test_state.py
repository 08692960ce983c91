"""docs/STATE.md: every victim that it names exists, and every victim is in one of its rows."""

import subprocess

from harness import REPOSITORY


def test_state_table():
    result = subprocess.run([REPOSITORY / ".ci" / "state"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
