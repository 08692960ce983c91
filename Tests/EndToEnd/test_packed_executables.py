"""Snapshot executables whose image is compressed: `restart` in them unpacks it, without help."""

import json
import os
import random
import shutil
import struct
import subprocess

import pytest

from harness import DEADLINE, until
from harness.executables import ECHO, descendants, is_victim, refuse_executable, start

VICTIMS = (
    "registers/sse", "threads/many 8", "memory/heap", "memory/protections", "memory/shared_anonymous", "memory/memfd_mapping",
    "memory/file_mappings", "files/offsets", "files/unlinked", "files/locks", "ipc/pipes", "ipc/socketpair stream", "signals/pending",
    "lazy/dropped")


def make(program, how, name="prog"):
    """A compressed snapshot executable of the running program; nothing else of ckpt is beside it."""
    if how == "saved":
        result = program.ckpt("save", str(program.pid), "--exe", "--compress", "lz4", "-o", name)
    else:
        program.checkpoint("command")
        result = program.ckpt("exe", "myckpt", "-o", name, "--compress")
    assert result.returncode == 0, result.stderr
    return program.folder / name


@pytest.mark.parametrize("how", ("saved", "made"))
@pytest.mark.parametrize("victim", VICTIMS)
def test_goes_on_from_where_it_was(program, victim, how):
    program.start_victim(*victim.split(), env={"CKPT_FILE": str(program.folder / "myckpt")})
    executable = make(program, how)
    program.kill()
    program.go("restarted")
    start(program, executable)
    program.passes()


@pytest.fixture
def echo(program):
    (program.folder / "echo.py").write_text(ECHO)
    program.start("python3", "echo.py")
    program.wait_for("ready")
    return program


@pytest.mark.parametrize("how", ("saved", "made"))
def test_is_an_ordinary_program(echo, how):
    """Another folder, another name, other streams, arguments and environment; smaller than it would be."""
    program = echo
    executable = make(program, how)
    if how == "made":
        assert program.ckpt("exe", "myckpt", "-o", "plain").returncode == 0
        assert executable.stat().st_size < (program.folder / "plain").stat().st_size * 2 / 3
    program.kill()
    elsewhere = program.folder / "elsewhere"
    elsewhere.mkdir(mode=0o777)
    elsewhere.chmod(0o777)
    named = elsewhere / "another name"
    os.rename(executable, named)
    assert named.stat().st_mode & 0o111 == 0o111
    program.go("restarted")
    process = subprocess.run(
        [f"./{named.name}", "--help", "", "ä b"], cwd=elsewhere, input="one\ntwo\n", capture_output=True, text=True, timeout=DEADLINE,
        env=dict(program.environment, COLOUR="green"), **program.identity.popen_arguments())
    assert process.returncode == 42, process.stderr
    assert process.stderr == "err one\nerr two\n"
    lines = ["words --help  ä b", "colour COLOUR=green", f"folder {elsewhere}", "out one", "copy one", "out two", "copy two"]
    assert process.stdout.splitlines() == lines
    assert (program.folder / "log").read_text() == "log one\nlog two\n"
    assert program.text() == "ready\n", "it wrote to where it was saved"


def test_closed_streams(echo):
    program = echo
    make(program, "saved")
    program.kill()
    program.go("restarted")
    result = program.run("sh", "-c", "./prog <&- >&- 2>&-")
    assert (result.returncode, result.stdout, result.stderr) == (42, "", "")


def test_the_saved_directory_where_it_is_wished(echo):
    program = echo
    program.checkpoint("command")
    assert program.ckpt("exe", "--directory", "saved", "--compress=lz4", "myckpt", "-o", "prog").returncode == 0
    program.kill()
    program.go("restarted")
    process = subprocess.run(
        [program.folder / "prog"], cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE,
        env=program.environment, **program.identity.popen_arguments())
    assert (process.returncode, process.stderr) == (42, "")
    assert f"folder {program.folder}" in process.stdout.splitlines()


def test_many_at_once(program):
    program.start_victim("threads/many", "8")
    executable = make(program, "saved")
    copies = [program.spawn([executable], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(8)]
    program.go("restarted")
    for copy in copies:
        out, err = copy.communicate(timeout=DEADLINE)
        assert (copy.returncode, err) == (0, b""), (out, err)
        assert b"pass\n" in out


def test_saved_again(program):
    """A copy is a program like any other; and no process of ours but `restart` stays beside it."""
    program.start_victim("threads/held_locks")
    executable = make(program, "saved", "first")
    program.kill()
    start(program, executable)
    found = until(lambda: [pid for pid in descendants(program.front.pid) if is_victim(pid)], "the copy runs")
    result = program.ckpt("save", str(found[0]), "--exe", "--compress", "lz4", "-o", "second")
    assert result.returncode == 0, result.stderr
    program.go("restarted")
    program.passes()
    start(program, program.folder / "second")
    program.passes()


@pytest.fixture
def held(program):
    """A compressed executable of a program that is gone, and the image beside it."""
    program.start_victim("threads/held_locks")
    make(program, "made")
    program.kill()
    program.go("restarted")
    return program


def test_our_tools_take_it_for_an_image(held):
    assert held.ckpt("verify", "prog").returncode == 0
    both = [json.loads(held.ckpt("inspect", "--json", name).stdout) for name in ("prog", "myckpt")]
    assert both[0]["backtraces"] == both[1]["backtraces"] and len(both[0]["backtraces"]) == 9
    assert held.ckpt("merge", "prog", "-o", "again").returncode == 0
    assert held.run("cmp", "again", "myckpt").returncode == 0
    # Compressed again, and not any more.
    for arguments in (["prog", "-o", "third", "--compress"], ["prog", "-o", "fourth"], ["myckpt", "-o", "plain"]):
        result = held.ckpt("exe", *arguments)
        assert result.returncode == 0, result.stderr
    assert held.run("cmp", "third", "prog").returncode == 0
    assert held.run("cmp", "fourth", "plain").returncode == 0
    for argv in ([held.stage.build / "restart", "prog"], [held.stage.build / "ckpt", "restart", "prog"], ["./third"]):
        start(held, *argv)
        held.passes()


@pytest.mark.parametrize("command", ("readelf -aW", "eu-readelf -S", "objdump -h"))
def test_binary_tools_have_nothing_to_say(held, command):
    tool, option = command.split()
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")
    result = held.run(tool, option, "prog")
    assert result.returncode == 0 and not result.stderr.strip(), result.stderr


def test_says_what_it_is(held):
    result = held.run("./prog", "--ckpt-help")
    assert result.returncode == 0 and not result.stderr
    for word in ("held_locks", "snapshot executable", "compressed to", "KiB"):
        assert word in result.stdout, result.stdout


def test_what_cannot_be_compressed_so_is_refused(held):
    assert held.ckpt("exe", "myckpt", "-o", "no", "--compress=zstd").returncode == 64
    assert not (held.folder / "no").exists()
    result = held.run(str(held.stage.build / "restart"), "--lazy", "prog")
    assert result.returncode == 64 and "uncompressed" in result.stderr, result.stderr


def test_damage_is_refused(held):
    good = (held.folder / "prog").read_bytes()
    note = good.index(b"KCPTEXE1")
    image, size = struct.unpack_from("<QQ", good, note + 32)
    numbers = random.Random(20260102)
    places = [*range(note + 8, note + 80, 7), *range(image, image + 16), *range(image + size, len(good), 61), image + size - 1]
    places += [numbers.randrange(image, image + size) for _ in range(25)]
    for place in places:
        data = bytearray(good)
        data[place] ^= 1 << numbers.randrange(8)
        refuse_executable(held, bytes(data), f"a flipped bit at {place}")
    for count in (image, image + 1, image + size // 2, image + size, len(good) - 1):
        refuse_executable(held, good[:count], f"{count} bytes of {len(good)}")
    refuse_executable(held, good + b"\0", "a byte too many")
