"""Incremental series: what changed is found in every way that memory can change, and nothing else is written."""

import json
import os
import signal

import pytest

from harness import ROUNDS, Series, restart_from, until


def size(path):
    return os.stat(path).st_size


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


def test_a_forked_child(program):
    """It has images of its own, the first of them full; what it does is not its parent's."""
    program.start(program.stage.victims / "incremental/forked", env={"CKPT_INCREMENTAL": "1", "CKPT_FILE": "image.%p.%c"})
    program.wait_for("ready")
    parent = program.pid
    program.checkpoint(image=f"image.{parent}.1")
    (program.folder / "fork").touch()
    program.wait_for("parent")
    until(lambda: "child " in program.text(), "the child")
    child = int(program.text().split("child ")[1].split()[0])
    # As the parent's counter stood when it forked.
    program.checkpoint(image=f"image.{child}.2", target=child)
    program.checkpoint(image=f"image.{parent}.2", target=parent)
    program.checkpoint(image=f"image.{child}.3", target=child)
    sizes = {name: size(program.folder / f"image.{name}") for name in (f"{parent}.1", f"{child}.2", f"{parent}.2", f"{child}.3")}
    assert sizes[f"{child}.2"] > sizes[f"{parent}.1"] / 2, sizes
    assert sizes[f"{parent}.2"] < sizes[f"{parent}.1"] / 2 and sizes[f"{child}.3"] < sizes[f"{parent}.1"] / 2, sizes
    (program.folder / "parent.end").touch()
    assert program.wait_front() == 0, program.said()
    os.kill(child, signal.SIGKILL)
    until(lambda: program.gone(child), "the child's end")
    program.restart(image=f"image.{child}.3")
    program.go("restarted")
    program.passes()


def test_a_userfaultfd_of_the_programs_own(program):
    """Refused by name, as ever; and its faults are still served."""
    program.start_victim("refused/userfaultfd", env={"CKPT_INCREMENTAL": "1"})
    refusal = program.attempt()
    assert refusal and "userfaultfd" in refusal, refusal
    program.go("on")
    program.passes()


def test_an_image_that_does_not_fit(program):
    """What it was told of written pages is lost: the next image is full."""
    series = Series(program, "13", CKPT_VERBOSE="1")
    series.await_round()
    series.save()
    series.play()
    series.await_round()
    # A full disk in the middle of a series.
    limit = ("prlimit", "--pid", str(program.pid))
    assert program.run(*limit, "--fsize=4096:unlimited").returncode == 0
    result = program.ckpt("save", str(program.pid))
    assert result.returncode != 0
    assert program.run(*limit, "--fsize=unlimited:unlimited").returncode == 0
    series.counter += 1
    series.play()
    series.await_round()
    series.save()
    assert size(program.folder / f"image.{series.counter}") > 20 << 20
    restart_from(series, series.counter)
    series.finish()


def test_a_missing_deeper_link_is_named(program):
    """The next image is whole again."""
    program.start_victim("memory/ballast", env={"CKPT_INCREMENTAL": "1", "CKPT_FILE": "image.%c"})
    for number in (1, 2, 3):
        program.checkpoint(image=f"image.{number}")
    assert size(program.folder / "image.3") < 20 << 20
    (program.folder / "image.1").unlink()
    result = program.ckpt("save", str(program.pid))
    assert result.returncode == 1, result.stderr
    error, hint = result.stderr.splitlines()
    assert "image.1, of which the image was to have the changes, can't be read" in error and "ENOENT" in error
    assert hint == "hint: save again: the next image has all of the memory, and needs no other"
    known = set(program.folder.glob("image.*"))
    program.ckpt("save", str(program.pid))
    (whole,) = set(program.folder.glob("image.*")) - known
    assert size(whole) > 190 << 20
    program.kill()
    program.restart(image=whole.name)
    program.go("restarted")
    program.passes()


def rooms(pid):
    """Where memory for copies is kept: huge pages that no child has."""
    found, start = set(), None
    for line in open(f"/proc/{pid}/smaps"):
        if "-" in line.split(" ")[0]:
            start, end = (int(word, 16) for word in line.split(" ")[0].split("-"))
        elif line.startswith("VmFlags:") and {"hg", "dc"} <= set(line.split()):
            found.add((start, end))
    return found


def test_room_for_copies_is_kept_out_of_images(program):
    """What was copied to is used again, belongs to no image, and doesn't come back with one."""
    program.start_victim("incremental/busy", "16384", "100", env={"CKPT_INCREMENTAL": "1", "CKPT_FILE": "image.%c"})
    kept = []
    for number in (1, 2, 3, 4):
        image = program.checkpoint(image=f"image.{number}")
        assert number == 1 or size(image) < 20 << 20
        kept.append(rooms(program.pid))
    assert len(kept[1]) == 1 and kept[1] == kept[2] == kept[3], kept
    ((start, end),) = kept[1]
    facts = program.run(program.stage.build / "readckpt", "--json", "image.4")
    regions = json.loads(facts.stdout)["regions"]
    assert regions and not [r for r in regions if r["start"] < end and start < r["end"]], "the room is in the image"
    program.kill()
    program.restart(image="image.4")
    assert not rooms(program.pid)
    program.checkpoint(image="image.5")
    program.go("restarted")
    program.passes()
