"""Ends what a run of the tests leaves when it is killed itself.

It waits beside the run; when the run ends without a word, it kills every process that has the run's folder in its
environment or open, until there is none, and removes the folder.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.processes import users_of

# Inherited by pytest's workers, which would go on with their tests otherwise.
MARK = "CKPT_E2E_RUN"


class Reaper:
    def __init__(self, process):
        self.process = process

    def dismiss(self):
        self.process.communicate(b"done")


def start_reaper(base):
    """Starts one for this process, which has made the folder `base`."""
    process = subprocess.Popen([sys.executable, __file__, str(base)], stdin=subprocess.PIPE, start_new_session=True)
    os.environ[MARK] = str(base)
    return Reaper(process)


def marked(base):
    """The processes with the folder in their environment, in whatever namespace they are."""
    found = []
    for entry in os.scandir("/proc"):
        try:
            if entry.name.isdigit() and os.fsencode(base) in Path(entry.path, "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def reap(base):
    while left := {*marked(base), *(pid for pid, _ in users_of(base))} - {os.getpid()}:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    if not os.read(0, 16):
        reap(sys.argv[1])
