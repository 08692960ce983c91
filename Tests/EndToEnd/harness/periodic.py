"""Periodic checkpoints."""

# What the agent's timer carries: its sigev_value in /proc/PID/timers.
AGENTS_VALUE = "71c457c9c4b70001"


def ticks(program):
    """Periodic checkpoints that the agent has told of."""
    return program.err.read_text(errors="replace").count("ckpt: saved")
