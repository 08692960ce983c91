"""Where a run of the tests lies: the programs under test, the victims, a folder per test."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
VICTIMS = REPOSITORY / "Tests" / "Victims"
BUILD = Path(os.environ.get("CKPT_BUILD", REPOSITORY / "build"))
# Kept from run to run; each run has a copy of its own.
BUILT_VICTIMS = REPOSITORY / ".build" / "victims"
ARTEFACTS = ("libckpt.so", "restart", "ckpt", "readckpt")


def build_victims():
    """Builds the victims that changed since the last run; runs that begin at once wait for each other."""
    BUILT_VICTIMS.mkdir(parents=True, exist_ok=True)
    with open(BUILT_VICTIMS / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "--no-print-directory", "-j2", "-C", str(VICTIMS), f"OUT={BUILT_VICTIMS}"], check=True,
                       stdout=subprocess.DEVNULL)


class Stage:
    """A copy of what is under test in a place that every user can reach, and a folder per test.

    Made once for a run; with several workers each has a folder of its own in it.
    """

    def __init__(self, base, worker=None):
        self.base = Path(base)
        self.build, self.victims = self.base / "build", self.base / "victims"
        self.root = self.base / worker if worker else self.base
        if worker:
            self.root.mkdir(mode=0o755)
        self._count = 0

    @staticmethod
    def make():
        """Copies the programs and builds the victims."""
        missing = [name for name in ARTEFACTS if not (BUILD / name).exists()]
        if missing:
            pytest.exit(f"{BUILD} lacks {', '.join(missing)}: run `make` first", returncode=2)
        base = Path(tempfile.mkdtemp(prefix="ckpt-e2e."))
        base.chmod(0o755)
        stage = Stage(base)
        stage.build.mkdir()
        for name in ARTEFACTS:
            shutil.copy(BUILD / name, stage.build / name)
            (stage.build / name).chmod(0o755)
        build_victims()
        shutil.copytree(BUILT_VICTIMS, stage.victims, ignore=shutil.ignore_patterns(".*"))
        return stage

    def folder(self, name, identity):
        self._count += 1
        folder = self.root / f"{self._count:04d}.{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)[:80]}"
        folder.mkdir(mode=0o755)
        os.chown(folder, identity.uid, identity.gid)
        return folder

    def remove(self):
        """Removes it, but for the folders of tests that failed, which are kept."""
        for folder in (self.build, self.victims):
            if not self.kept():
                shutil.rmtree(folder, ignore_errors=True)
        for folder in (*self.base.glob("gw*"), self.base):
            if folder.exists() and not any(folder.iterdir()):
                folder.rmdir()

    def kept(self):
        """The folders of tests that failed."""
        return [p for pattern in ("[0-9]*.*", "gw*/[0-9]*.*") for p in self.base.glob(pattern)]
