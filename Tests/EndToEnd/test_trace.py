"""What a trace shows: each phase of a save and of a restart, to whoever asks; and the last lines of what has failed."""

import os
import re

import pytest

from harness import refused, until

SAVE = ("checkpoint 1 of process", "threads stand still, after", "open files", "clone: has its own", "runs of pages", "written, digests included",
        "the image is safe")
RESTART = ("images in the chain", "the head is good: process", "this machine can run it", "descriptors of", "the memory comes",
           "the address space is clear", "regions are mapped", "the agent wakes", "the program runs")


def has(text, phrases):
    """The phrases are there in their order, in lines that have times."""
    lines = [line for line in text.splitlines() if re.search(r"(^|trace: )\d+\.\d{6} ", line)]
    place = 0
    for phrase in phrases:
        while place < len(lines) and phrase not in lines[place]:
            place += 1
        assert place < len(lines), f"'{phrase}' is not there, or too early:\n{text}"
    assert "lost" not in text
    return lines


def test_file_of_the_agent_and_of_restart(program):
    program.start_victim("files/offsets", env={"CKPT_TRACE": "trace"})
    program.checkpoint()
    first = program.folder / "trace"
    lines = has(first.read_text(), SAVE)
    assert lines[0].startswith("0.000000 checkpoint 1")
    program.checkpoint("signal")
    until(lambda: "checkpoint 2 of process" in first.read_text() and "by a signal" in first.read_text(),
          "the second checkpoint in the trace")
    program.kill()
    program.restart(env={"CKPT_TRACE": "trace.restart"})
    has((program.folder / "trace.restart").read_text(), RESTART)
    program.go("restarted")
    program.passes()


def test_command_shows_it(program):
    program.start_victim("files/offsets")
    result = program.ckpt("save", str(program.pid), "--trace")
    assert result.returncode == 0
    has(result.stderr, SAVE[:-1])
    result = program.ckpt("save", str(program.pid), "--trace", "--sync")
    has(result.stderr, ("checkpoint 2", "in place: asked for", "written, digests included", "the image is safe"))
    assert "trace" not in program.ckpt("save", str(program.pid), "--verbose").stderr


@pytest.mark.parametrize("way", ["file", "stream", "lazy", "lazy-touched"])
def test_restart_shows_it(program, way):
    program.start_victim("files/offsets")
    program.checkpoint()
    program.kill()
    options = () if way in ("file", "stream") else (f"--{way}",)
    if way == "stream":
        with open(program.folder / "myckpt", "rb") as image:
            program.restart("--trace", image="-", stdin=image)
    else:
        program.restart("--trace", *options)
    program.go("restarted")
    program.passes()
    text = (program.folder / "restart.1.err").read_text()
    has(text, ("the head is good: process", "the address space is clear", "descriptors of", "the program runs") if way == "stream" else RESTART)


def test_failure_shows_the_last_lines(program):
    program.start_victim("files/offsets", env={"CKPT_FILE": "/nowhere/at/all", "CKPT_VERBOSE": "1"})
    result = program.ckpt("save", str(program.pid), "--verbose")
    assert "trace: " in result.stderr and "failed: step" in result.stderr
    refused(result_without_trace(result), ["nowhere"])
    assert "trace" not in program.ckpt("save", str(program.pid)).stderr
    os.kill(program.pid, 12)
    until(lambda: "ckpt: trace: " in program.err.read_text(), "the last lines on standard error")
    assert program.checkpoint(options=("-o", "myckpt"))
    program.kill()
    image = bytearray((program.folder / "myckpt").read_bytes())
    image[-5000] ^= 1
    (program.folder / "damaged").write_bytes(image)
    result = program.run(program.stage.build / "restart", "--verbose", "damaged")
    assert result.returncode == 65 or result.returncode == 1
    assert "restart: trace: " in result.stderr, result.stderr


def result_without_trace(result):
    result.stderr = "".join(line + "\n" for line in result.stderr.splitlines() if not line.startswith("trace: "))
    return result


def test_a_file_that_cannot_be_written_stops_nothing(program):
    program.start_victim("files/offsets", env={"CKPT_TRACE": "/nowhere/trace"})
    program.checkpoint()
    program.checkpoint()
    said = program.err.read_text()
    assert said.count("no trace: cannot write /nowhere/trace (ENOENT)") == 1 and "checkpoint" in said
    program.kill()
    program.restart(env={"CKPT_TRACE": "/nowhere/trace"})
    program.go("restarted")
    program.passes()
    assert (program.folder / "restart.1.err").read_text().count("no trace: cannot write") == 1
