"""Snapshot executables that were run once to see which pages they need first: those come at once."""

import json
import os
import re
import struct

import pytest

PAGE = 4096
READ = [8 + 37 * i for i in range(200)]
WRITTEN = [27 + 37 * i for i in range(100)]


@pytest.fixture
def touches(program):
    """An executable of a victim that goes on at once."""
    program.start_victim("lazy/touches")
    result = program.ckpt("save", str(program.pid), "--exe", "-o", "prog")
    assert result.returncode == 0, result.stderr
    program.kill()
    program.go("restarted")
    return program


def runs(path):
    """What the list in an executable says: address, pages, written."""
    data = path.read_bytes()
    note = data.index(b"KCPTEXE1")
    offset, size = struct.unpack_from("<2Q", data, note + 48)
    return [(start, pages, flags) for start, pages, flags in struct.iter_unpack("<QII", data[offset + 8:offset + size])]


def faults(text):
    start, count = re.search(r"start (\d+) faults (\d+)", text).groups()
    return int(start), int(count)


def train(program, *arguments):
    return program.ckpt("exe", "--train", "prog", *arguments)


def test_the_pages_come_at_once(touches):
    program = touches
    plain = program.run("./prog")
    assert (plain.returncode, plain.stderr) == (0, ""), plain
    trained = train(program, "--json")
    assert trained.returncode == 0, trained.stderr
    start, untrained = faults(trained.stdout)
    # The kernel may map huge pages of the file at once, but each page that is written faults.
    assert untrained >= len(WRITTEN)
    report = json.loads(trained.stdout[trained.stdout.index("{"):])
    assert report["status"] == 0 and report["bytes"] == os.stat(program.folder / "prog").st_size

    pages, written = set(), set()
    for address, count, flags in runs(program.folder / "prog"):
        numbers = range((address - start) // PAGE, (address - start) // PAGE + count)
        pages.update(numbers)
        if flags: written.update(numbers)
    assert report["pages"] == len(pages) and report["writtenPages"] == len(written)
    assert set(READ) | set(WRITTEN) <= pages
    mine = {number for number in written if 0 <= number < (32 << 20) // PAGE}
    assert mine == set(WRITTEN)

    for _ in range(3):
        result = program.run("./prog")
        assert (result.returncode, result.stderr) == (0, ""), result
        assert "pass" in result.stdout
        # Nothing but what the threads' stacks and the C library's data may take.
        assert faults(result.stdout)[1] <= 8, result.stdout


def test_is_still_an_ordinary_executable(touches):
    """Its mode, its sections, other programs of ours; a second training replaces the first."""
    program = touches
    path = program.folder / "prog"
    path.chmod(0o750)
    size = path.stat().st_size
    for _ in range(2):
        assert train(program, "--quiet").returncode == 0
    assert path.stat().st_mode & 0o777 == 0o750
    assert size < path.stat().st_size < size + (1 << 20)
    sections = program.run("readelf", "-SW", "prog").stdout
    assert ".ckpt.pages" in sections and ".ckpt.image" in sections
    assert program.ckpt("verify", "prog").returncode == 0
    assert program.ckpt("merge", "prog", "-o", "whole").returncode == 0
    assert program.run("./prog", "--ckpt-help").returncode == 0
    # Made anew, it knows nothing of the training.
    assert program.ckpt("exe", "prog", "-o", "fresh").returncode == 0
    assert os.stat(program.folder / "fresh").st_size == size


def test_a_copy_under_another_name(touches):
    program = touches
    before = (program.folder / "prog").read_bytes()
    result = train(program, "-o", "copy", "--", "--a-word", "")
    assert result.returncode == 0, result.stderr
    assert (program.folder / "prog").read_bytes() == before
    assert faults(program.run("./copy").stdout)[1] <= 8


@pytest.mark.parametrize("place", ["digest", "start", "pages", "flags"])
def test_a_damaged_list_is_refused(touches, place):
    program = touches
    assert train(program, "--quiet").returncode == 0
    path = program.folder / "prog"
    data = bytearray(path.read_bytes())
    offset = struct.unpack_from("<Q", data, data.index(b"KCPTEXE1") + 48)[0]
    data[offset + {"digest": 0, "start": 9, "pages": 16, "flags": 20}[place]] ^= 0x10
    path.write_bytes(data)
    for command in (["./prog"], [program.stage.build / "ckpt", "verify", "prog"]):
        result = program.run(*command)
        assert result.returncode == 65 and "list of pages in the snapshot executable is damaged" in result.stderr, result


def test_refused(program):
    program.start_victim("lazy/ends")
    program.checkpoint("command")
    for words, status, why in [(["myckpt"], 65, "no snapshot executable"), (["nothing"], 1, "cannot read nothing"),
                               (["--directory", "saved", "prog"], 64, "not for --train")]:
        result = program.ckpt("exe", "--train", *words)
        assert result.returncode == status and why in result.stderr, result
    assert program.ckpt("exe", "myckpt", "--compress", "-o", "packed").returncode == 0
    result = program.ckpt("exe", "--train", "packed")
    assert result.returncode == 64 and "it is compressed" in result.stderr, result
    assert program.ckpt("exe", "myckpt").returncode == 64
    assert program.ckpt("exe", "myckpt", "-o", "prog", "--", "word").returncode == 64


def test_killed_before_it_answers(program):
    """Then nothing was learnt, and nothing changes."""
    program.start_victim("lazy/ends", "abort")
    assert program.ckpt("save", str(program.pid), "--exe", "-o", "prog").returncode == 0
    program.kill()
    program.go("restarted")
    before = (program.folder / "prog").read_bytes()
    result = train(program)
    assert result.returncode == 1 and "nothing was learnt of prog" in result.stderr, result
    assert (program.folder / "prog").read_bytes() == before
    assert not [name for name in os.listdir(program.folder) if name.startswith(".prog")]


def test_the_environment_has_no_trace(program):
    """What the training gives to the executable is not the program's."""
    (program.folder / "env.py").write_text(
        "import os, ctypes\n"
        "big = bytearray(os.urandom(4 << 20))\n"
        "print('ready', flush=True)\n"
        "while not os.path.exists(os.environ['VICTIM_GO']): pass\n"
        "library = ctypes.CDLL(None)\n"
        "library.ckpt_restart_envp.restype = ctypes.POINTER(ctypes.c_char_p)\n"
        "words = library.ckpt_restart_envp()\n"
        "index = 0\n"
        "while words[index]:\n"
        "    print(words[index].decode()); index += 1\n")
    program.start("python3", "env.py")
    program.wait_for("ready")
    assert program.ckpt("save", str(program.pid), "--exe", "-o", "prog").returncode == 0
    program.kill()
    program.go("restarted")
    result = train(program)
    assert result.returncode == 0, result.stderr
    assert "CKPT_E2E=" in result.stdout and "CKPT_TRAIN" not in result.stdout
