"""Series of images: their names, the link to the newest, which of them stay, and what can go wrong."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from harness import marked_processes, refused, until
from harness.periodic import AGENTS_VALUE, ticks


def images(program, name="myckpt", folder=None):
    """Numbers of the images that are there, in order."""
    found = (re.fullmatch(rf"{re.escape(name)}\.(\d+)", entry) for entry in os.listdir(folder or program.folder))
    return sorted(int(match[1]) for match in found if match)


def leftovers(program, folder=None):
    return [entry for entry in os.listdir(folder or program.folder) if entry.startswith(".")]


def settle(program):
    """Waits until nothing of the program is left, a clone that still wrote neither."""
    until(lambda: not marked_processes(program.folder), "the end of all processes")


def start(program, *arguments, **settings):
    program.environment.update({f"CKPT_{key.upper()}": str(value) for key, value in settings.items()})
    return program.start_victim("process/spins", *arguments)


def save(program, *options):
    result = program.ckpt("save", str(program.pid), *options)
    assert result.returncode == 0, f"{result.stderr}\n{program.said()}"
    return result.stdout.split(":")[0]


def verify(program, *names):
    for name in names:
        result = program.ckpt("verify", name)
        assert result.returncode == 0, f"{name}: {result.stderr}"


def test_the_newest_stay_and_the_name_leads_to_the_last(program):
    start(program, keep=2)
    for number in range(1, 6):
        assert save(program) == str(program.folder / f"myckpt.{number}")
        assert os.readlink(program.folder / "myckpt") == f"myckpt.{number}"
        assert images(program) == [n for n in (number - 1, number) if n]
    assert not leftovers(program)
    verify(program, "myckpt", "myckpt.4", "myckpt.5")
    program.kill()
    program.restart()       # by the name that leads to the newest
    assert save(program) == str(program.folder / "myckpt.6")
    assert images(program) == [5, 6]
    program.go("restarted")
    program.passes()


def test_numbers_are_never_used_again(program):
    """Restarted from an old image, the program goes on behind the newest one."""
    start(program, keep=0, interval="1h")
    for _ in range(3):
        save(program)
    program.kill()
    before = {n: (program.folder / f"myckpt.{n}").read_bytes() for n in (1, 2, 3)}
    program.restart(image="myckpt.1")
    assert save(program) == str(program.folder / "myckpt.4")
    program.kill()
    os.unlink(program.folder / "myckpt.2")
    program.restart(image="myckpt.1")
    assert save(program) == str(program.folder / "myckpt.5")
    assert images(program) == [1, 3, 4, 5]
    for n in (1, 3):
        assert (program.folder / f"myckpt.{n}").read_bytes() == before[n]
    program.go("restarted")
    program.passes()


def test_only_images_of_the_series_go(make_program, identity):
    """Copies, images of others, and whatever else has such a name stay, and their numbers stay theirs."""
    first = make_program(identity)
    start(first, keep=5)
    save(first)
    save(first)
    first.kill()
    program = make_program(identity)
    folder = program.folder
    for name in ("myckpt.1", "myckpt.2"):       # of another process, though perhaps of the same number
        shutil.copy2(first.folder / name, folder / name)
        os.chown(folder / name, identity.uid, identity.gid)
    (folder / "myckpt.07").write_text("no image")
    (folder / "myckpt.x").write_text("no image")
    (folder / "myckpt.3").mkdir()
    os.mkfifo(folder / "myckpt.4")
    os.symlink("myckpt.1", folder / "myckpt.5")
    start(program, keep=1)
    assert save(program) == str(folder / "myckpt.8")
    shutil.copy2(folder / "myckpt.8", folder / "myckpt.8.kept")
    shutil.copy2(folder / "myckpt.8", folder / "myckpt.80")     # a copy with the name of another
    save(program, "-o", folder / "aside")
    assert save(program) == str(folder / "myckpt.10")
    assert images(program) == [1, 2, 3, 4, 5, 7, 10, 80]
    assert (folder / "aside").exists() and (folder / "myckpt.8.kept").exists() and (folder / "myckpt.x").exists()
    assert os.readlink(folder / "myckpt") == "myckpt.10"


@pytest.mark.parametrize("pattern, link, names", [
    ("d/%n", "d/spins", ["d/spins.1", "d/spins.2"]),
    ("x%c.img", None, ["x1.img", "x2.img"]),
    ("%%c", "%c", ["%c.1", "%c.2"]),
])
def test_patterns(make_program, user, pattern, link, names):
    program = make_program(user)
    (program.folder / "d").mkdir()
    os.chown(program.folder / "d", user.uid, user.gid)
    start(program, keep=1, file=pattern)
    for name in names:
        assert save(program) == str(program.folder / name)
    assert [(program.folder / name).exists() for name in names] == [False, True]
    if link:
        assert os.readlink(program.folder / link) == os.path.basename(names[-1])
    assert not [e for e in os.listdir(program.folder / "d") + os.listdir(program.folder) if e.startswith(".")]


def test_a_name_that_cant_lead_there_is_told_and_nothing_goes(program):
    start(program, keep=1)
    (program.folder / "myckpt").mkdir()
    (program.folder / "myckpt" / "file").touch()
    for _ in range(2):
        save(program)
    assert images(program) == [1, 2], "the older one may be all that somebody finds"
    assert "myckpt.2; the name without its number can't lead there (EISDIR)" in program.err.read_text()
    assert not leftovers(program)
    program.go("on")
    program.passes()


def test_periodic_images(make_program, identity):
    """They come by themselves, from the restarted program too; each is whole, and only some stay."""
    program = make_program(identity)
    run = [program.stage.build / "ckpt", "run", "--every", "100ms", "--keep", "3", "--verbose", "--file", "periodic", "--"]
    victim = program.stage.victims / "process" / "spins"
    program.start(*run, victim, agent=False)
    program.wait_for("ready")
    until(lambda: ticks(program) >= 6 or not program.alive(), f"six images\n{program.said()}")
    program.kill()
    settle(program)
    kept = images(program, "periodic")
    assert 3 <= len(kept) <= 4 and kept[-1] >= 6, kept      # four: killed between the newest and the oldest
    assert os.readlink(program.folder / "periodic") in {f"periodic.{n}" for n in kept[-2:]}
    assert not leftovers(program)
    verify(program, "periodic", *(f"periodic.{n}" for n in kept))
    program.restart(image="periodic")
    until(lambda: images(program, "periodic")[-1] >= kept[-1] + 4 or not program.alive(), f"four more\n{program.said()}")
    program.go("restarted")
    program.passes()
    settle(program)
    verify(program, "periodic")


@pytest.mark.parametrize("precopy", [0, 1])
def test_an_interval_shorter_than_the_writing(make_program, identity, precopy):
    """Never two at once: what comes too early is left out, and the program runs in between."""
    program = make_program(identity)
    start(program, "64", interval="10ms", keep=2, verbose=1, precopy=precopy)
    until(lambda: ticks(program) >= 8 or not program.alive(), f"eight images\n{program.said()}")
    assert save(program, "--timeout", "60")
    program.go("on")
    program.passes()
    settle(program)
    assert "no checkpoint" not in program.err.read_text()
    verify(program, "myckpt", *(f"myckpt.{n}" for n in images(program)))


@pytest.mark.parametrize("interval", ["0", "-1", "soon", "1h30m", ""])
def test_what_is_no_interval_is_told(make_program, user, interval):
    program = make_program(user)
    start(program, interval=interval)
    assert "CKPT_INTERVAL is not a time" in program.err.read_text()
    assert (program.folder / "myckpt").exists() is False
    with open(f"/proc/{program.pid}/timers") as timers:
        assert not timers.read()
    save(program)
    assert not (program.folder / "myckpt").is_symlink()


def test_a_forked_child_has_no_timer(make_program, user):
    program = make_program(user)
    program.environment.update(CKPT_INTERVAL="1h")
    if not os.path.exists("/usr/bin/python3"):
        pytest.skip("no /usr/bin/python3")
    program.start("/usr/bin/python3", "-c", "import os, signal; child = os.fork(); child and print(child, flush=True); signal.pause()")
    child = int(until(lambda: program.text().strip(), "the child's ID"))
    assert AGENTS_VALUE in open(f"/proc/{program.pid}/timers").read()
    assert not open(f"/proc/{child}/timers").read()
    assert program.ckpt("save", str(child)).returncode == 0
    assert not open(f"/proc/{child}/timers").read()


# When the place is full

def test_a_full_disk_leaves_the_series_as_it_was(make_program):
    """A file system that has room for two images: the third is refused, and the second still good."""
    from harness import Identity
    program = make_program(Identity("root"))
    place = program.folder / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", place], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted: {mounted.stderr.strip()}")
    try:
        start(program, "8", keep=3, file="small/myckpt")
        for _ in range(2):
            save(program)
        line = refused(program.ckpt("save", str(program.pid)), ["ENOSPC"])
        assert "small/myckpt.3" in line
        assert images(program, folder=place) == [1, 2] and not leftovers(program, place)
        assert os.readlink(place / "myckpt") == "myckpt.2"
        verify(program, "small/myckpt")
        os.unlink(place / "myckpt.1")
        save(program)                               # and with room it goes on
        assert os.readlink(place / "myckpt") == "myckpt.4"
        program.kill()
        program.restart(image="small/myckpt")
        program.go("restarted")
        program.passes()
    finally:
        program.end()
        subprocess.run(["umount", "-l", place])


def test_a_limit_on_files_leaves_the_series_as_it_was(program):
    """RLIMIT_FSIZE is lowered in the middle of a series: periodic images fail, the program goes on."""
    start(program, "4", interval="100ms", keep=2, verbose=1)
    until(lambda: ticks(program) >= 2 or not program.alive(), f"two images\n{program.said()}")
    assert program.run("prlimit", f"--pid={program.pid}", f"--fsize={1 << 20}:").returncode == 0

    def failures():
        return program.err.read_text().count("can't be written (EFBIG)")

    until(lambda: failures() >= 2 or not program.alive(), f"two failures\n{program.said()}")
    kept = images(program)
    assert len(kept) == 2 and not leftovers(program)
    verify(program, "myckpt")
    assert program.run("prlimit", f"--pid={program.pid}", "--fsize=unlimited:").returncode == 0
    until(lambda: images(program)[-1] > kept[-1] or not program.alive(), f"a new image\n{program.said()}")
    os.kill(program.pid, signal.SIGKILL)
    program.wait_front()
    settle(program)
    verify(program, "myckpt")
    program.restart()
    program.go("restarted")
    program.passes()


# Incremental series

def test_a_chain_stays_as_long_as_one_of_it_is_kept(program):
    start(program, "8", keep=1, incremental=1, full_every=3)
    expected = {1: [1], 2: [1, 2], 3: [1, 2, 3], 4: [4], 5: [4, 5], 6: [4, 5, 6], 7: [7]}
    for number, left in expected.items():
        save(program)
        assert images(program) == left
        verify(program, "myckpt")
    save(program)
    program.kill()
    program.restart()
    save(program)           # after a restart: all of the memory, so that the chain before may go
    assert images(program) == [9]
    program.go("restarted")
    program.passes()


def test_asked_for_changes_the_images_become_a_series(program):
    """No image takes the place of the one that it is a change to, whatever it is called."""
    start(program, "8")
    assert save(program) == str(program.folder / "myckpt")
    assert save(program, "--incremental") == str(program.folder / "myckpt.2")
    assert save(program, "--incremental") == str(program.folder / "myckpt.3")
    assert os.readlink(program.folder / "myckpt") == "myckpt.3"
    assert (program.folder / "myckpt.3").stat().st_size < 4 << 20 < (program.folder / "myckpt.2").stat().st_size
    save(program, "--incremental", "-o", program.folder / "myckpt")     # through the link
    assert (program.folder / "myckpt.3").stat().st_size > 4 << 20
    verify(program, "myckpt", "myckpt.2")
    program.kill()
    program.restart()
    program.go("restarted")
    program.passes()


@pytest.mark.parametrize("more", [{}, {"CKPT_PRECOPY": "1", "CKPT_THIN": "1"}], ids=["plain", "precopy-thin"])
def test_an_incremental_series_of_a_busy_program(make_program, identity, more):
    """Killed at any moment and restarted by its name, again and again, with changes in every image."""
    program = make_program(identity)
    program.environment.update(CKPT_INTERVAL="50ms", CKPT_INCREMENTAL="1", CKPT_FULL_EVERY="4", CKPT_KEEP="2", CKPT_VERBOSE="1", **more)
    program.start_victim("threads/mutex_handoff")
    last = 0
    for _ in range(5):
        until(lambda: (images(program) or [0])[-1] >= last + 6 or not program.alive(), f"six images\n{program.said()}")
        program.kill()
        settle(program)
        assert not leftovers(program)
        last = images(program)[-1]
        # Two, what they need, and one more when the killed clone had not removed it yet.
        assert 2 <= len(images(program)) <= 2 + 4 + 1, images(program)
        verify(program, "myckpt")
        program.restart()
    program.go("restarted")
    program.passes()
