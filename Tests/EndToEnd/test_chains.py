"""Chains of incremental images: merged into one, checked as a whole, and refused by name where a link is wrong."""

import json
import os
import shutil

import pytest

from harness import Series, refused, restart_from

LINKS = 4


def play(program, links=LINKS, **environment):
    series = Series(program, "21", **environment)
    for _ in range(links):
        series.await_round()
        series.save()
        if series.round < links:
            series.play()
    return series


@pytest.fixture
def chain(program):
    """Images 1 to 4 of a program, each after one more round; only the first is full."""
    return play(program)


def merge(program, image, output, *options):
    result = program.ckpt("merge", image, "-o", output, *options)
    assert result.returncode == 0, result.stderr
    return result


def functions(program, image):
    result = program.run(program.stage.build / "readckpt", "--json", image)
    assert result.returncode == 0, result.stderr
    return [[frame.get("function") for frame in thread["frames"]] for thread in json.loads(result.stdout)["backtraces"]]


def remove_images(program):
    for image in program.folder.glob("image.*"):
        image.unlink()


def damage(program, path):
    """Flips a bit in every page that the image has of the program's writable memory."""
    headers = program.run("readelf", "-lW", path).stdout.splitlines()
    data = bytearray(path.read_bytes())
    for load in (line.split() for line in headers if line.split()[:1] == ["LOAD"] and "RW" in line):
        start, size = int(load[1], 16), int(load[4], 16)
        for offset in range(start, start + size, 4096):
            data[offset + 100] ^= 1
    path.write_bytes(data)


def finish(series, image):
    series.program.kill()
    for file in series.program.folder.glob("round.*"):
        if int(file.suffix[1:]) >= LINKS:
            file.unlink()
    (series.program.folder / "restarted").touch()
    series.program.restart(image=image)
    series.round = LINKS - 1
    series.play()
    series.round += 1
    series.play()
    series.await_round()
    series.finish()


# Merging


@pytest.mark.parametrize("manner", ("plain", "thin", "thick", "digests"))
def test_a_merged_image_stands_alone(program, manner):
    environment = {"thin": {"CKPT_THIN": "1"}, "thick": {"CKPT_THIN": "1"}, "digests": {"CKPT_INCREMENTAL": "digests"}}
    series = play(program, **environment.get(manner, {}))
    report = json.loads(merge(program, "image.4", "full", "--json", *(["--thick"] if manner == "thick" else [])).stdout)
    assert report["images"] == LINKS and report["bytes"] == os.stat(program.folder / "full").st_size
    assert (report["bytes_from_files"] > 0) == (manner == "thick")
    assert (program.folder / "full").stat().st_mode & 0o777 == 0o600
    facts = json.loads(program.run(program.stage.build / "readckpt", "--json", "full").stdout)
    assert "parent" not in facts["image"] and facts["totals"]["parents"] == 0
    assert (facts["totals"]["files"] > 0) == (manner == "thin")
    assert functions(program, "full") == functions(program, "image.4")
    remove_images(program)
    assert program.ckpt("verify", "full").returncode == 0
    finish(series, "full")


def test_merged_twice_is_the_same(chain):
    program = chain.program
    merge(program, "image.4", "full")
    merge(program, "full", "again")
    assert (program.folder / "full").read_bytes() == (program.folder / "again").read_bytes()


def test_a_link_merged_in_its_place(chain):
    """It has the identity that it had, so the chain goes on from it, and what only it needed may go."""
    program = chain.program
    merge(program, "image.3", "image.3")
    for number in (1, 2):
        (program.folder / f"image.{number}").unlink()
    assert program.ckpt("verify", "image.4").returncode == 0
    finish(chain, "image.4")


@pytest.mark.parametrize("manner", ("writes", "digests"))
def test_a_series_goes_on_from_a_merged_image(program, manner):
    """The newest image of a program that runs, merged in its place: the next one is a change to it."""
    series = play(program, **({"CKPT_INCREMENTAL": "digests"} if manner == "digests" else {}))
    merge(program, "image.4", "image.4")
    for number in (1, 2, 3):
        (program.folder / f"image.{number}").unlink()
    series.play()
    series.await_round()
    series.save()
    facts = series.facts()
    assert facts["image"]["parent"]["name"] == "image.4" and len(facts["ancestors"]) == 1
    assert program.ckpt("verify", "image.5").returncode == 0
    restart_from(series, LINKS + 1)
    series.finish()


def test_what_a_chain_needs_is_not_replaced(chain):
    program = chain.program
    before = (program.folder / "image.2").read_bytes()
    refused(program.ckpt("merge", "image.4", "-o", "image.2"), ["image.2", "image.3"])
    assert (program.folder / "image.2").read_bytes() == before


@pytest.mark.parametrize("output", ("no/such/folder/full", "/dev/full", "folder"))
def test_where_nothing_can_be_written(chain, output):
    program = chain.program
    (program.folder / "folder").mkdir()
    before = {path.name for path in program.folder.iterdir()}
    refused(program.ckpt("merge", "image.4", "-o", output), [output])
    assert {path.name for path in program.folder.iterdir()} == before
    assert not list((program.folder / "folder").iterdir())


# Reading


def test_verify_follows_the_chain(chain):
    program = chain.program
    result = program.ckpt("verify", "image.4")
    assert result.returncode == 0, result.stderr
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [f"image.{n}" for n in (4, 3, 2, 1)]
    report = json.loads(program.ckpt("verify", "--json", "image.4").stdout)
    assert len(report["parents"]) == 3 and all(not parent["damages"] for parent in report["parents"])


def test_inspect_shows_the_chain(chain):
    program = chain.program
    text = program.run(program.stage.build / "readckpt", "image.4").stdout
    for name in ("image.3", "image.2", "image.1"):
        assert name in text, text
    facts = chain.facts(4)
    assert facts["image"]["parent"]["name"] == "image.3" and facts["image"]["parent"]["depth"] == 3
    assert [os.path.basename(ancestor["path"]) for ancestor in facts["ancestors"]] == ["image.3", "image.2", "image.1"]
    assert facts["totals"]["parents"] > 0
    assert any("main" in thread for thread in functions(program, "image.4"))


def test_a_chain_that_was_moved(chain):
    """Parents are found beside the image, wherever that is, or where they were."""
    program = chain.program
    program.run("mkdir", "elsewhere")
    for number in (1, 2, 3, 4):
        program.run("mv", f"image.{number}", "elsewhere")
    assert program.ckpt("verify", "elsewhere/image.4").returncode == 0
    for number in (1, 2, 3):
        program.run("mv", f"elsewhere/image.{number}", ".")
    assert program.ckpt("verify", "elsewhere/image.4").returncode == 0
    program.run("mv", "elsewhere/image.4", "renamed")
    finish(chain, "renamed")


# What is wrong with a link


def harm(program, kind, number):
    """Does something to an image, and gives what a refusal has to name."""
    path = program.folder / f"image.{number}"
    if kind == "missing":
        path.unlink()
    elif kind == "swapped":
        shutil.copy(program.folder / f"image.{3 if number == 1 else 1}", path)
    elif kind == "not an image":
        path.write_text("nothing of the kind\n")
    elif kind == "truncated":
        os.truncate(path, path.stat().st_size - 4096)
    elif kind == "damaged":
        damage(program, path)
    elif kind == "unreadable":
        if program.identity.is_root:
            pytest.skip("root may read everything")
        path.chmod(0)
    return path.name


@pytest.mark.parametrize("number", (1, 3))
@pytest.mark.parametrize("kind", ("missing", "swapped", "not an image", "truncated", "damaged", "unreadable"))
def test_a_harmed_link_is_named(chain, kind, number):
    program = chain.program
    program.kill()
    name = harm(program, kind, number)
    before = {path.name for path in program.folder.iterdir()}
    program.go("restarted")
    for command in (["ckpt", "verify", "image.4"], ["ckpt", "merge", "image.4", "-o", "full"], ["restart", "image.4"]):
        result = program.run(program.stage.build / command[0], *command[1:])
        refused(result, [name] if command[0] == "ckpt" or kind != "damaged" else [])
        assert result.returncode in (65, 77), (command, result.returncode, result.stderr)
    assert {path.name for path in program.folder.iterdir()} - before <= {"go"}
    inspect = program.run(program.stage.build / "readckpt", "image.4")
    assert inspect.returncode == 0 and (kind == "damaged" or name in inspect.stdout)


def test_a_parent_that_was_overwritten(chain, make_program):
    """By an image of another program, under the same name."""
    program = chain.program
    other = make_program(program.identity)
    other.start_victim("process/spins")
    assert other.ckpt("save", str(other.pid), "-o", program.folder / "image.2").returncode == 0
    program.kill()
    for command in (["ckpt", "verify"], ["ckpt", "merge", "-o", "full"], ["restart"]):
        result = program.run(program.stage.build / command[0], *command[1:], "image.4")
        refused(result, ["image.2"])
        assert result.returncode == 65


def test_a_program_file_that_changed(program):
    """A thin image has no copy of it: that it is another one now is found before anything runs."""
    victim = program.folder / "victim"
    shutil.copy(program.stage.victims / "process/spins", victim)
    victim.chmod(0o755)
    program.start(victim, env={"CKPT_THIN": "1"})
    program.wait_for("ready")
    program.checkpoint()
    program.kill()
    assert program.ckpt("verify", "myckpt").returncode == 0
    data = bytearray(victim.read_bytes())
    victim.unlink()
    victim.write_bytes(bytes(byte ^ 1 for byte in data))
    program.go("restarted")
    for command in (["ckpt", "verify"], ["ckpt", "merge", "--thick", "-o", "full"], ["restart"]):
        result = program.run(program.stage.build / command[0], *command[1:], "myckpt")
        refused(result, ["victim"])
        assert result.returncode in (1, 65), (command, result.stderr)
    assert "pass" not in program.text()
