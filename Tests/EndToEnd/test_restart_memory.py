"""Memory that several workers read at once."""

import os

import pytest

from harness import refused, until


@pytest.fixture
def large(program):
    """A program with 64 MiB of its own, saved and killed."""
    program.start_victim("lazy/filled", "64")
    image = program.checkpoint()
    program.kill()
    program.go("restarted")
    return program, image


def test_all_of_it_comes_back(large):
    program, _ = large
    program.restart()
    program.passes()


def test_one_processor(large):
    program, _ = large
    program.folder.joinpath("pidfile").unlink(missing_ok=True)
    result = program.run("taskset", "1", program.stage.build / "restart", "myckpt")
    assert result.returncode == 0, result.stderr
    assert "pass" in program.text() + result.stdout


@pytest.mark.parametrize("where", [0.1, 0.5, 0.6, 0.9, 0.97])
def test_a_damaged_page(large, where):
    """Whoever reads it: one line says so, nothing runs, and nobody is left behind."""
    program, image = large
    with open(image, "r+b") as file:
        place = int(os.stat(image).st_size * where) & -4096
        file.seek(place + 1234)
        byte = file.read(1)
        file.seek(place + 1234)
        file.write(bytes([byte[0] ^ 4]))
    result = program.run(program.stage.build / "restart", "myckpt")
    refused(result, ["does not match its digest"])
    assert result.returncode == 65
    assert "pass" not in program.text() + result.stdout
    marks = f"CKPT_E2E={program.folder}".encode()
    until(lambda: not left_behind(marks), "the end of all workers")


def left_behind(mark):
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                with open(f"/proc/{entry.name}/environ", "rb") as environment:
                    if mark in environment.read():
                        found.append(entry.name)
            except OSError:
                continue
    return found
