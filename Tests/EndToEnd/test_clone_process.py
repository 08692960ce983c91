"""Copy-on-write checkpoints: a clone writes the image, and the program neither waits for it nor sees it."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from harness import marked_processes, until


def writers(program):
    """The clones of this test's programs that are still at work."""
    found = []
    for pid in marked_processes(program.folder):
        try:
            if Path(f"/proc/{pid}/comm").read_text() == "ckpt-writer\n":
                found.append(pid)
        except OSError:
            continue
    return found


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def stopped_writer(program, ask):
    """Asks for a checkpoint and stops its clone in the middle; asks again where the clone was faster."""
    for _ in range(50):
        before = program.image_stamp("myckpt")
        ask()
        found = until(lambda: writers(program) or program.image_stamp("myckpt") != before, "a clone, or an image")
        if found is True:
            continue
        try:
            os.kill(found[0], signal.SIGSTOP)
            until(lambda: state(found[0]) in "TZ", "the clone stops")
        except OSError:
            continue
        if state(found[0]) == "T" and program.image_stamp("myckpt") == before:
            return found[0]
    pytest.fail("no clone could be stopped at work")


def signalled(program):
    return lambda: os.kill(program.pid, signal.SIGUSR2)


def saved(program, *options, env=None):
    result = program.ckpt("save", "--json", *options, str(program.pid), env=env)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_mode_is_told(program):
    program.start_victim("memory/heap")
    assert saved(program)["mode"] == "copy-on-write"
    told = saved(program, "--sync")
    assert told["mode"] == "in-place" and told["cause"] == "asked"


def test_sync_by_environment(program):
    program.start_victim("memory/heap", env={"CKPT_SYNC": "1"})
    assert saved(program)["mode"] == "in-place"


def test_program_goes_on_meanwhile(program):
    """The program checks itself and ends while the clone stands still; the image is whole all the same."""
    program.start_victim("memory/ballast")
    writer = stopped_writer(program, signalled(program))
    program.go("on")
    program.passes()
    (program.folder / "go").unlink()
    os.truncate(program.out, len("ready\n"))
    os.kill(writer, signal.SIGCONT)
    until(lambda: not writers(program), "the clone ends")
    program.restart()
    program.go("restarted")
    program.passes()


def test_output_ends_with_the_program(program):
    """Who reads the program's output does not wait for the clone."""
    program.start_victim("memory/ballast", env={"CLOSES": "1"})
    program.kill()
    program.front = program.spawn([program.stage.victims / "memory/ballast"],
                                  env={"CLOSES": "1", "LD_PRELOAD": str(program.stage.build / "libckpt.so")},
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    program.pid = program.front.pid
    assert program.front.stdout.readline() == b"ready\n"
    writer = stopped_writer(program, signalled(program))
    (program.folder / "close").touch()
    assert program.front.stdout.read() == b""
    os.kill(writer, signal.SIGCONT)
    until(lambda: not writers(program), "the clone ends")
    program.go("on")
    assert program.wait_front() == 0


def test_second_signal_waits_its_turn(program):
    program.start_victim("memory/ballast", env={"CKPT_FILE": "image.%c"})
    os.kill(program.pid, signal.SIGUSR2)
    for _ in range(50):
        writer = next(iter(until(lambda: writers(program) or (program.folder / "image.1").exists() and [0], "a clone")))
        os.kill(program.pid, signal.SIGUSR2)
        if writer:
            break
    until(lambda: (program.folder / "image.2").exists(), "the second image")
    until(lambda: not writers(program), "the clone ends")
    program.go("on")
    program.passes()


def test_command_waits_its_turn(program):
    program.start_victim("memory/ballast")
    writer = stopped_writer(program, signalled(program))
    second = program.spawn([program.stage.build / "ckpt", "save", "-o", "second", str(program.pid)])
    # It has asked at least once when the program has its connection no more.
    until(lambda: any("ckpt" in os.readlink(f"/proc/{second.pid}/exe") for _ in [0]), "the command runs")
    os.kill(writer, signal.SIGCONT)
    assert second.wait(60) == 0
    assert (program.folder / "second").exists() and (program.folder / "myckpt").exists()
    program.go("on")
    program.passes()


def test_killed_clone_costs_only_its_image(program):
    """Nothing is left of a clone that is killed; the program and the image before are as they were."""
    program.start_victim("memory/ballast")
    program.checkpoint()
    good = program.image_stamp("myckpt")
    command = None

    def ask():
        nonlocal command
        if command:
            command.wait(60)
        command = program.spawn([program.stage.build / "ckpt", "save", str(program.pid)], stderr=subprocess.PIPE)

    for _ in range(50):
        writer = stopped_writer(program, ask)
        good = program.image_stamp("myckpt")
        os.kill(writer, signal.SIGKILL)
        break
    assert command.wait(60) != 0
    assert program.image_stamp("myckpt") == good
    assert not [name for name in os.listdir(program.folder) if name.endswith(".tmp")]
    program.checkpoint()
    program.kill()
    program.restart()
    program.go("restarted")
    program.passes()


def test_clone_is_out_of_the_way(program):
    """Its own session and group, no descriptors of the program's, first to go where memory runs out."""
    program.start_victim("memory/ballast")
    writer = stopped_writer(program, signalled(program))
    fields = Path(f"/proc/{writer}/stat").read_text().rsplit(")", 1)[1].split()
    assert fields[2] == fields[3] == str(writer)
    assert Path(f"/proc/{writer}/oom_score_adj").read_text() == "1000\n"
    links = {os.readlink(f"/proc/{writer}/fd/{number}") for number in os.listdir(f"/proc/{writer}/fd")}
    assert all(str(program.folder) in link or link.startswith(f"/proc/{writer}/") for link in links), links
    blocked = int(next(line for line in open(f"/proc/{writer}/status") if line.startswith("SigBlk")).split()[1], 16)
    assert blocked == 0xFFFFFFFFFFFFFFFF & ~(1 << 8 | 1 << 18)
    os.kill(writer, signal.SIGCONT)
    program.go("on")
    program.passes()


def test_short_of_memory(make_program):
    """Where the copies would not fit, the program waits, and `ckpt save` says why."""
    from harness import Identity
    program = make_program(Identity("root"))
    group = Path("/sys/fs/cgroup/memory") / f"ckpt-test-{os.getpid()}"
    limit, members = "memory.limit_in_bytes", "cgroup.procs"
    if not group.parent.is_dir():
        group = Path("/sys/fs/cgroup") / group.name
        limit = "memory.max"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"needs a memory control group: {error}")
    try:
        (group / limit).write_text(str(240 << 20))
        program.start("/bin/sh", "-c", 'echo $$ > "$1" && exec "$2"', "sh", str(group / members),
                      str(program.stage.victims / "memory/ballast"))
        program.wait_for("ready")
        told = saved(program)
        assert told["mode"] == "in-place" and told["cause"] == "memory-short"
        program.kill()
        program.restart()
        program.go("restarted")
        program.passes()
    finally:
        program.end()
        until(lambda: not (group / members).read_text(), "the group is empty")
        group.rmdir()
