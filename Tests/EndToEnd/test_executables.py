"""Snapshot executables: programs made of images behave like any other program, wherever and however often they are started."""

import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess

import pytest

from harness import DEADLINE, Identity, refused, until
from harness.executables import ECHO, descendants, is_victim, refuse_executable, start

# Those with something of their own: memory of each kind, threads, descriptors, queues, signals, timers.
VICTIMS = (
    "registers/sse", "threads/many 8", "threads/held_locks", "threads/rseq", "memory/heap", "memory/protections", "memory/shared_anonymous",
    "memory/memfd_mapping", "memory/file_mappings", "memory/dropped_file_pages", "memory/growing_stack_deep", "files/offsets",
    "files/unlinked", "files/locks", "ipc/pipes", "ipc/epoll", "ipc/socketpair stream", "ipc/listening_tcp", "signals/pending",
    "signals/posix_timers", "lazy/dropped", "lazy/forked")


def make(program, how, name="prog"):
    """A snapshot executable of the running program."""
    if how == "saved":
        result = program.ckpt("save", str(program.pid), "--exe", "-o", name)
    else:
        program.checkpoint("command")
        result = program.ckpt("exe", "myckpt", "-o", name)
    assert result.returncode == 0, result.stderr
    return program.folder / name


@pytest.fixture
def echo(program):
    (program.folder / "echo.py").write_text(ECHO)
    program.start("python3", "echo.py")
    program.wait_for("ready")
    return program


@pytest.mark.parametrize("how", ("saved", "made"))
@pytest.mark.parametrize("victim", VICTIMS)
def test_goes_on_from_where_it_was(program, victim, how):
    program.start_victim(*victim.split(), env={"CKPT_FILE": str(program.folder / "myckpt")})
    executable = make(program, how)
    program.kill()
    program.go("restarted")
    start(program, executable)
    program.passes()


def test_is_an_ordinary_program(echo):
    """Another folder, another name, other streams, arguments and environment; the umask is the program's."""
    program = echo
    executable = make(program, "saved")
    program.kill()
    elsewhere = program.folder / "elsewhere"
    elsewhere.mkdir(mode=0o777)
    elsewhere.chmod(0o777)
    named = elsewhere / "another name"
    os.rename(executable, named)
    program.go("restarted")
    process = subprocess.run(
        [f"./{named.name}", "--help", "", "ä b"], cwd=elsewhere, input="one\ntwo\n", capture_output=True, text=True, timeout=DEADLINE,
        env=dict(program.environment, COLOUR="green"), **program.identity.popen_arguments())
    assert process.returncode == 42, process.stderr
    assert process.stderr == "err one\nerr two\n"
    lines = ["words --help  ä b", "colour COLOUR=green", f"folder {elsewhere}", "out one", "copy one", "out two", "copy two"]
    assert process.stdout.splitlines() == lines
    assert (program.folder / "log").read_text() == "log one\nlog two\n"
    assert (elsewhere / "made").stat().st_mode & 0o777 == 0o640
    assert program.text() == "ready\n", "it wrote to where it was saved"


def test_the_saved_directory_where_it_is_wished(echo):
    program = echo
    program.checkpoint("command")
    assert program.ckpt("exe", "--directory", "saved", "myckpt", "-o", "prog").returncode == 0
    program.kill()
    program.go("restarted")
    process = subprocess.run(
        [program.folder / "prog"], cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE,
        env=program.environment, **program.identity.popen_arguments())
    assert (process.returncode, process.stderr) == (42, "")
    assert f"folder {program.folder}" in process.stdout.splitlines()


def test_identity(program):
    """Who it is and what it may do, in the directory that it had."""
    program.start_victim("process/identity", env={"CKPT_FILE": str(program.folder / "myckpt")})
    program.checkpoint("command")
    assert program.ckpt("exe", "--directory", "saved", "myckpt", "-o", "prog").returncode == 0
    program.kill()
    program.go("restarted")
    start(program, program.folder / "prog")
    program.passes()


def test_closed_streams(echo):
    program = echo
    make(program, "saved")
    program.kill()
    program.go("restarted")
    result = program.run("sh", "-c", "./prog <&- >&- 2>&-")
    assert (result.returncode, result.stdout, result.stderr) == (42, "", "")


def test_many_at_once(program):
    """Several copies, started while others run and while the one that was saved does."""
    program.start_victim("threads/many", "8")
    executable = make(program, "saved")
    copies = [program.spawn([executable], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(12)]
    program.go("restarted")
    for copy in copies:
        out, err = copy.communicate(timeout=DEADLINE)
        assert (copy.returncode, err) == (0, b""), (out, err)
        assert b"pass\n" in out


def test_copies_share_what_they_only_read(echo):
    """A library's code is the executable's own page cache, nothing is copied to memory of its own."""
    program = echo
    make(program, "saved")
    program.kill()
    copies = [program.spawn(["./prog"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)]

    def saved_program(copy):
        """The one below `restart` (and its namespace's init) that has the library's code."""
        todo = [copy.pid]
        while todo:
            pid = todo.pop()
            try:
                todo += [int(word) for word in open(f"/proc/{pid}/task/{pid}/children").read().split()]
                maps = open(f"/proc/{pid}/smaps").read()
            except OSError:
                continue
            # The kernel names it, and it may be executed, when all is in place.
            if "[heap]" in maps and re.search(r"(?m)^\S+ r-xp .*/prog$", maps):
                return maps
        return None

    for copy in copies:
        maps = until(lambda: saved_program(copy), "the copy runs")
        assert all(line.endswith("/libckpt.so (deleted)") for line in maps.splitlines() if "/memfd:ckpt:" in line)
        parts = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", maps)
        code = [part for part in parts if " r-xp " in part and part.splitlines()[0].endswith("/prog")]
        assert code
        for part in code:
            numbers = dict(re.findall(r"(?m)^(\w+): +(\d+) kB", part))
            assert int(numbers["Private_Dirty"]) == 0 and int(numbers["Anonymous"]) == 0, part
    program.go("restarted")
    for copy in copies:
        copy.communicate(timeout=DEADLINE)
        assert copy.returncode == 42


def test_saved_again(program):
    """A copy is a program like any other: it is saved, to an image and to an executable, and each goes on."""
    program.start_victim("threads/held_locks")
    executable = make(program, "saved", "first")
    program.kill()
    start(program, executable)
    found = until(lambda: [pid for pid in descendants(program.front.pid) if is_victim(pid)], "the copy runs")
    result = program.ckpt("save", str(found[0]), "--exe", "-o", "second")
    assert result.returncode == 0, result.stderr
    # By the process that stays in front of it, too.
    result = program.ckpt("save", str(program.front.pid), "-o", "image")
    assert result.returncode == 0, result.stderr
    os.kill(found[0], signal.SIGKILL)
    program.wait_front()
    assert program.ckpt("exe", "second", "-o", "third").returncode == 0
    program.go("restarted")
    for name in ("second", "third"):
        start(program, program.folder / name)
        program.passes()
    program.restart(image="image")
    program.passes()


@pytest.fixture
def held(program):
    """An executable of a program that is gone, and the image beside it."""
    program.start_victim("threads/held_locks")
    program.checkpoint("command")
    assert program.ckpt("exe", "myckpt", "-o", "prog").returncode == 0
    program.kill()
    program.go("restarted")
    return program


@pytest.mark.parametrize("command", ("readelf -aW", "eu-readelf -S", "eu-readelf -n", "eu-readelf -l", "objdump -h"))
def test_binary_tools_have_nothing_to_say(held, command):
    tool, option = command.split()
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")
    result = held.run(tool, option, "prog")
    assert result.returncode == 0 and not result.stderr.strip(), result.stderr
    assert "warning" not in result.stdout.lower() and "error" not in result.stdout.lower()


def test_the_image_comes_out_again(held):
    """`file` and `readelf` agree on what it is; what objcopy takes out is the image, byte for byte."""
    held.run("objcopy", "-O", "binary", "--only-section=.ckpt.image", "prog", "out")
    assert (held.folder / "out").read_bytes() == (held.folder / "myckpt").read_bytes()
    if shutil.which("file"):
        assert "ELF 64-bit LSB executable, x86-64" in held.run("file", "prog").stdout
    assert "EXEC (Executable file)" in held.run("readelf", "-hW", "prog").stdout


def test_our_tools_take_it_for_an_image(held):
    assert held.ckpt("verify", "prog").returncode == 0
    both = [json.loads(held.ckpt("inspect", "--json", name).stdout) for name in ("prog", "myckpt")]
    assert both[0]["backtraces"] == both[1]["backtraces"] and len(both[0]["backtraces"]) == 9
    assert any(frame.get("function") == "pthread_mutex_lock" or "mutex" in (frame.get("function") or "")
               for thread in both[0]["backtraces"] for frame in thread["frames"])
    assert held.ckpt("merge", "prog", "-o", "again").returncode == 0
    assert held.run("cmp", "again", "myckpt").returncode == 0
    for argv in ([held.stage.build / "restart", "prog"], [held.stage.build / "ckpt", "restart", "prog"]):
        start(held, *argv)
        held.passes()


def test_says_what_it_is(held):
    result = held.run("./prog", "--ckpt-help")
    assert result.returncode == 0 and not result.stderr
    for word in ("held_locks", "snapshot executable", "UTC", "KiB"):
        assert word in result.stdout, result.stdout


# Bad input


def test_damage_is_refused(held):
    """Bits that are flipped in the note, in what other tools read, in the image, and ends that are missing."""
    good = (held.folder / "prog").read_bytes()
    note = good.index(b"KCPTEXE1")
    image, size = struct.unpack_from("<QQ", good, note + 32)
    numbers = random.Random(20260101)
    places = [*range(note + 8, note + 80, 3), 40, 47, 58, 60, 62, *range(image + size, len(good), 29), len(good) - 1]
    places += [image + at for at in (0, 16, 40, 64, size - 1)] + [numbers.randrange(image, image + size - 4096) for _ in range(25)]
    for place in places:
        data = bytearray(good)
        data[place] ^= 1 << numbers.randrange(8)
        refuse_executable(held, bytes(data), f"a flipped bit at {place}")
    for count in (image, image + 1, image + size // 2, image + size - 1, image + size, len(good) - 1):
        refuse_executable(held, good[:count], f"{count} bytes of {len(good)}")
    refuse_executable(held, good + b"\0", "a byte too many")


def test_outputs_that_cannot_be(held):
    (held.folder / "directory").mkdir()
    (held.folder / "bad").write_bytes(b"no image")
    before = sorted(os.listdir(held.folder))
    for output in ("directory", "missing/prog", "/proc/prog"):
        refused(held.ckpt("exe", "myckpt", "-o", output))
    refused(held.ckpt("exe", "bad", "-o", "other"))
    refused(held.ckpt("exe", "none", "-o", "other"))
    refused(held.ckpt("exe", "myckpt", "-o", "/dev/full"))
    assert sorted(os.listdir(held.folder)) == before, "something was left behind"


def test_no_room(make_program, tmp_path):
    """A full disk: a sentence, and nothing half-written; the program goes on."""
    program = make_program(Identity("root"))
    program.start_victim("process/spins", "8")
    program.checkpoint("command")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", small], check=True)
    try:
        refused(program.ckpt("save", str(program.pid), "--exe", "-o", small / "prog"), ["ENOSPC"])
        refused(program.ckpt("exe", "myckpt", "-o", small / "prog"), ["ENOSPC"])
        assert os.listdir(small) == []
    finally:
        subprocess.run(["umount", small], check=True)
    program.go("on")
    program.passes()


def test_where_it_may_not_run(make_program, tmp_path):
    """The kernel refuses without permission and on a noexec mount; `restart` brings the program back from there all the same."""
    program = make_program(Identity("root"))
    program.start_victim("threads/held_locks")
    executable = make(program, "saved")
    program.kill()
    program.go("restarted")
    folder = tmp_path / "noexec"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec", "none", folder], check=True)
    try:
        shutil.copy(executable, folder / "prog")
        assert program.run("sh", "-c", f"{folder}/prog").returncode == 126
        start(program, program.stage.build / "restart", folder / "prog")
        program.passes()
    finally:
        subprocess.run(["umount", folder], check=True)
    executable.chmod(0o644)
    assert program.run("sh", "-c", "./prog").returncode == 126


def test_without_proc(make_program):
    program = make_program(Identity("root"))
    program.start_victim("process/spins")
    make(program, "saved")
    program.kill()
    line = refused(program.run("unshare", "-m", "sh", "-c", "umount -l /proc && ./prog"))
    assert "/proc is not mounted" in line


def test_who_may_not_read_it(make_program):
    program = make_program(Identity("user"))
    if os.geteuid() != 0:
        pytest.skip("needs root")
    program.start_victim("process/spins")
    executable = make(program, "saved")
    program.kill()
    os.chown(executable, 0, 0)
    executable.chmod(0o711)
    assert "read" in refused(program.run("./prog"))


def test_of_changes(program):
    """An executable of an incremental image has all of the chain; asking for one disturbs no series."""
    program.start_victim("process/spins", "4", env={"CKPT_FILE": "myckpt.%c", "CKPT_INCREMENTAL": "1"})
    for _ in range(3):
        assert program.ckpt("save", str(program.pid)).returncode == 0
    assert program.ckpt("save", str(program.pid), "--exe", "-o", "direct").returncode == 0
    last = json.loads(program.ckpt("save", str(program.pid), "--json").stdout)
    assert last["incremental"], last
    result = program.ckpt("exe", "--json", last["path"], "-o", "made")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["images"] > 1
    program.kill()
    for image in program.folder.glob("myckpt*"):
        image.unlink()
    program.go("restarted")
    for name in ("direct", "made"):
        start(program, program.folder / name)
        program.passes()
