"""Fixtures of the end-to-end tests; see README.md."""

import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from harness import Identity, Program, Stage, users_of
from harness.lazy import chain  # noqa: F401 (fixtures)
from harness.reaper import start_reaper
from harness.traveller import pair, relay, traveller  # noqa: F401 (fixtures)

FAILURES = os.environ.get("CKPT_FAILURES")


def pytest_sessionstart(session):
    """The first process makes the stage; workers of pytest-xdist are told where it is."""
    config = session.config
    if hasattr(config, "workerinput"):
        config.stage = Stage(config.workerinput["stage"], config.workerinput["workerid"])
    elif not config.option.collectonly:
        Identity("user")
        config.stage = Stage.make()
        config.reaper = start_reaper(config.stage.base)


def pytest_configure_node(node):
    node.workerinput["stage"] = str(node.config.stage.base)


def pytest_sessionfinish(session):
    config = session.config
    if hasattr(config, "workerinput") or not hasattr(config, "stage"):
        return
    # Nothing of ours may be left: neither of programs that ended, nor of restarts that were refused.
    config.left = users_of(config.stage.base)
    for pid, _ in config.left:
        os.kill(pid, signal.SIGKILL)
    if config.left and session.exitstatus == 0:
        session.exitstatus = 1
    config.stage.remove()
    config.reaper.dismiss()


@pytest.fixture(scope="session")
def stage(request):
    return request.config.stage


@pytest.fixture(params=["user", "root"])
def identity(request):
    return Identity(request.param)


@pytest.fixture
def user():
    return Identity("user")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.failed = report.failed
        if report.failed:
            for program in getattr(item, "programs", []):
                report.sections.append((f"replay ({program.identity.name})", program.replay()))


def pytest_runtest_logreport(report):
    """Leaves what a failed test said in a file of its own, with the test's name in the first line: for .ci/test."""
    if FAILURES and report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        file = Path(FAILURES) / re.sub(r"[^A-Za-z0-9_.-]+", "-", report.nodeid)[-120:]
        head = "" if file.exists() else f"Tests/EndToEnd/{report.nodeid}\n"
        parts = [report.longreprtext, *(f"--- {title} ---\n{text}" for title, text in report.sections)]
        with open(file, "a") as output:
            output.write(head + "\n".join(parts) + "\n")


@pytest.fixture
def make_program(request, stage):
    """Makes programs under test; all of their processes end with the test, and the folder too if it passed."""
    request.node.programs = []

    def make(identity):
        program = Program(stage, identity, stage.folder(request.node.name, identity))
        request.node.programs.append(program)
        return program

    yield make
    for program in request.node.programs:
        program.end()
        # That of a failed test stays.
        if not getattr(request.node, "failed", True) or os.environ.get("CKPT_DISCARD"):
            shutil.rmtree(program.folder, ignore_errors=True)


@pytest.fixture
def program(make_program, identity):
    return make_program(identity)


def pytest_terminal_summary(terminalreporter, config):
    if left := getattr(config, "left", []):
        terminalreporter.section("what was left running")
        terminalreporter.line(", ".join(f"{pid} {name}" for pid, name in left))
    skipped = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        skipped.setdefault(reason.removeprefix("Skipped: "), []).append(report.nodeid.split("::")[-1])
    if skipped:
        terminalreporter.section("what this machine could not show")
        for reason, tests in sorted(skipped.items()):
            terminalreporter.line(f"{reason}: {', '.join(tests)}")
