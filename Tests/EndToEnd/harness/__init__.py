"""What the end-to-end tests share: where things lie, who runs them, and one program under test.

A test drives a `Program`: start it under the agent, checkpoint it, kill it, restart it, tell it to go on, and
look at how it ends. Nothing here sleeps to let something happen: every wait names its condition and fails the
test after DEADLINE seconds.
"""

from harness.identity import USER, Identity
from harness.processes import marked_processes, remove_ipc_objects, users_of
from harness.program import Program
from harness.series import ROUNDS, Series, restart_from
from harness.stage import ARTEFACTS, BUILD, REPOSITORY, VICTIMS, Stage
from harness.waiting import DEADLINE, REFUSALS, refused, until

__all__ = [
    "ARTEFACTS", "BUILD", "DEADLINE", "Identity", "Program", "REFUSALS", "REPOSITORY", "ROUNDS", "Series", "Stage",
    "USER", "VICTIMS", "marked_processes", "refused", "remove_ipc_objects", "restart_from", "until", "users_of",
]
