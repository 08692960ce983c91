"""Incremental series: what changed is found in every way that memory can change, and nothing else is written."""

import json
import os
import signal

import pytest

from harness import until

ROUNDS = 5


def start(program, *arguments, **environment):
    program.start_victim("incremental/ways", *arguments, env={"CKPT_INCREMENTAL": "1", "CKPT_FILE": "image.%c", **environment})


class Series:
    """A victim of rounds, and the images taken of it."""

    def __init__(self, program, *arguments, **environment):
        self.program = program
        self.environment = {"CKPT_INCREMENTAL": "1", "CKPT_FILE": "image.%c", **environment}
        self.round, self.counter = 0, 0
        program.start(program.stage.victims / "incremental/ways", *arguments, env=self.environment)

    def said(self, line):
        texts = [self.program.text()] + [p.read_text() for p in sorted(self.program.folder.glob("restart.*.out"))]
        return any(line + "\n" in text for text in texts)

    def await_round(self):
        self.round += 1
        until(lambda: self.said(f"ready {self.round}") or not self.program.alive(), f"round {self.round}\n{self.program.said()}")

    def save(self, how="command", **more):
        self.counter += 1
        return self.program.checkpoint(how, image=f"image.{self.counter}", **more)

    def play(self):
        (self.program.folder / f"round.{self.round}").touch()

    def facts(self, counter=None):
        name = f"image.{counter or self.counter}"
        result = self.program.run(self.program.stage.build / "readckpt", "--json", name)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def finish(self):
        (self.program.folder / "end").touch()
        self.program.passes()


def size(path):
    return os.stat(path).st_size


def restart_from(series, counter):
    series.program.kill()
    for file in series.program.folder.glob("round.*"):
        if int(file.suffix[1:]) >= counter:
            file.unlink()
    (series.program.folder / "restarted").touch()
    series.program.restart(image=f"image.{counter}")


MANNERS = {
    "writes": {},
    "digests": {"CKPT_INCREMENTAL": "digests"},
    "in place": {"CKPT_SYNC": "1"},
    "thin": {"CKPT_THIN": "1"},
}


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("how", ("command", "signal"))
def test_every_way(program, manner, how):
    series = Series(program, "1" if how == "command" else "2", **MANNERS[manner])
    sizes = []
    for _ in range(ROUNDS):
        series.await_round()
        sizes.append(size(series.save(how)))
        series.play()
    assert max(sizes[1:]) < sizes[0] / 2, sizes
    series.await_round()
    restart_from(series, ROUNDS)
    series.round = ROUNDS
    # It goes on from there, with a series of its own.
    for _ in range(2):
        series.play()
        series.await_round()
        sizes.append(size(series.save(how)))
    assert sizes[-1] < sizes[-2] / 2, sizes
    restart_from(series, ROUNDS + 2)
    series.finish()


@pytest.mark.parametrize("counter", (1, 2, 3, 4))
def test_any_image_of_a_chain(program, counter):
    series = Series(program, str(counter))
    for _ in range(4):
        series.await_round()
        series.save()
        series.play()
    series.await_round()
    restart_from(series, counter)
    series.round = counter
    series.play()
    series.await_round()
    series.finish()


def test_a_program_that_closes_every_descriptor(program):
    series = Series(program, "5", "close")
    for _ in range(4):
        series.await_round()
        series.save()
        series.play()
    series.await_round()
    restart_from(series, 4)
    series.finish()


def test_every_nth_is_full(program):
    series = Series(program, "6", CKPT_FULL_EVERY="3")
    sizes = []
    for _ in range(7):
        series.await_round()
        sizes.append(size(series.save()))
        series.play()
    full = [number for number, byte_count in enumerate(sizes, 1) if byte_count > sizes[0] / 2]
    assert full == [1, 4, 7], sizes


def test_full_when_asked(program):
    series = Series(program, "7")
    for options in ((), (), ("--full",), ()):
        series.await_round()
        series.save(options=options)
        series.play()
    sizes = [size(program.folder / f"image.{n}") for n in (1, 2, 3, 4)]
    assert sizes[2] > sizes[0] / 2 and max(sizes[1], sizes[3]) < sizes[0] / 2, sizes


@pytest.mark.parametrize("harm", ("gone", "another"))
def test_without_its_parent_an_image_is_full(program, harm):
    series = Series(program, "8")
    series.await_round()
    first = series.save()
    series.play()
    series.await_round()
    if harm == "gone":
        first.unlink()
    else:
        # Another image of the same program in its place.
        first.unlink()
        program.run("cp", "/proc/self/exe", first)
    second = series.save()
    assert size(second) > 20 << 20
    restart_from(series, 2)
    series.finish()


def test_a_failed_image_breaks_nothing(program):
    series = Series(program, "9")
    series.await_round()
    series.save()
    series.play()
    series.await_round()
    # Written pages are noted, and then the image can't be written.
    result = program.ckpt("save", str(program.pid), "-o", "/dev/full")
    assert result.returncode != 0
    series.play()
    series.counter += 1
    series.await_round()
    series.save()
    assert size(program.folder / "image.3") > 20 << 20
    restart_from(series, 3)
    series.finish()


def test_one_way_only(program):
    """Asked for by `ckpt save`, for a program that was started without."""
    series = Series(program, "10", CKPT_INCREMENTAL="0")
    sizes = []
    for _ in range(3):
        series.await_round()
        sizes.append(size(series.save(options=("--incremental",))))
        series.play()
    assert max(sizes[1:]) < sizes[0] / 2, sizes
    series.await_round()
    restart_from(series, 3)
    series.finish()
