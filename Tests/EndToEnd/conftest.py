"""Fixtures of the end-to-end tests; see README.md."""

import os
import shutil

import pytest

from harness import Identity, Program, Stage


@pytest.fixture(scope="session")
def stage():
    stage = Stage()
    yield stage
    stage.close()


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
        if getattr(request.node, "failed", True) and not os.environ.get("CKPT_DISCARD"):
            stage.kept.append(program.folder)
        else:
            shutil.rmtree(program.folder, ignore_errors=True)


@pytest.fixture
def program(make_program, identity):
    return make_program(identity)


def pytest_terminal_summary(terminalreporter):
    skipped = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        skipped.setdefault(reason.removeprefix("Skipped: "), []).append(report.nodeid.split("::")[-1])
    if skipped:
        terminalreporter.section("what this machine could not show")
        for reason, tests in sorted(skipped.items()):
            terminalreporter.line(f"{reason}: {', '.join(tests)}")
