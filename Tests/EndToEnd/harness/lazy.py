"""Restarts whose program runs before its memory is there."""

import os
import re

import pytest

BEHAVIOURS = ["filled", "dropped", "moved", "unmapped", "forked", "kernel", "protected", "raced"]


def saved(program, victim, *arguments):
    program.start_victim(f"lazy/{victim}", *arguments)
    image = program.checkpoint()
    program.kill()
    return image


def helpers(program):
    """The processes that read memory for this test's program."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                with open(f"/proc/{entry.name}/comm") as name:
                    if name.read() != "ckpt-lazy\n":
                        continue
                with open(f"/proc/{entry.name}/environ", "rb") as environment:
                    if f"CKPT_E2E={program.folder}".encode() + b"\0" in environment.read():
                        found.append(int(entry.name))
            except OSError:
                continue
    return found


def errors(program):
    return (program.folder / f"restart.{program.restarts}.err").read_text()


def flags(program):
    with open(f"/proc/{program.pid}/smaps") as text:
        return "".join(line for line in text if line.startswith("VmFlags"))


def shape(program):
    """The private anonymous mappings: where they are and what they allow.

    Without the arguments for the program, which every restart leaves far from all else.
    """
    with open(f"/proc/{program.pid}/maps") as text:
        lines = [line.split() for line in text]
    return [line[:2] for line in lines
            if (len(line) == 5 or line[5] == "[heap]") and not re.match("1000[0-9a-f]{8}-", line[0])]


def truncate(image):
    os.truncate(image, 1 << 20)


def overwrite(image):
    size = os.stat(image).st_size
    with open(image, "r+b") as file:
        file.seek(1 << 20)
        file.write(b"x" * (size - (1 << 20)))


@pytest.fixture
def chain(program):
    """Two images; the second has only what changed."""
    program.start_victim("lazy/chained", env={"CKPT_INCREMENTAL": "1", "CKPT_FILE": "image.%c"})
    first = program.checkpoint(image="image.1")
    (program.folder / "round").touch()
    program.wait_for("changed")
    second = program.checkpoint(image="image.2")
    program.kill()
    assert os.stat(second).st_size < os.stat(first).st_size / 2
    return program, first
