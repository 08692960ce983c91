"""Whatever is wrong with the input: one line says what, the status is a documented one, nothing half-written is
left behind, and the running program does not notice."""

import os
import random
import shutil
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from harness import Identity, REFUSALS, refused, until

SEED = 20260101
DAMAGED = 65


@pytest.fixture
def good(program):
    """An image of a program that is gone; a program that ran again in spite of all would say `pass`."""
    program.start_victim("process/spins", "1")
    image = program.checkpoint()
    program.kill()
    program.go("restarted")
    return program, image.read_bytes()


def refuse_image(program, data, name="bad", statuses=(DAMAGED,)):
    path = program.folder / name
    path.write_bytes(data)
    os.chown(path, program.identity.uid, program.identity.gid)
    result = program.run(program.stage.build / "restart", name)
    line = refused(result)
    assert "pass" not in program.text() + result.stdout, "the program ran"
    assert not statuses or result.returncode in statuses, f"status {result.returncode} for damage: {line}"
    path.unlink()


def boundaries(data):
    """Offsets at which a header, an entry of a table, a note, a segment or a section begins or ends."""
    found = {0, 1, 4, 16, 63, 64}
    phoff, shoff = struct.unpack_from("<QQ", data, 32)
    phentsize, phnum, shentsize, shnum = struct.unpack_from("<HHHH", data, 54)
    segments = []
    for i in range(phnum):
        at = phoff + i * phentsize
        kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", data, at)
        found |= {at, at + phentsize, offset, offset + size}
        segments.append((kind, offset, size))
    for i in range(shnum):
        at = shoff + i * shentsize
        found |= {at, at + shentsize}
        offset, size = struct.unpack_from("<QQ", data, at + 24)
        found |= {offset, offset + size}
    for kind, offset, size in segments:
        at = offset
        while kind == 4 and at + 12 <= offset + size:
            name_size, descriptor_size, _ = struct.unpack_from("<III", data, at)
            found |= {at, at + 12}
            at += 12 + (name_size + 3) // 4 * 4 + (descriptor_size + 3) // 4 * 4
            found.add(at)
    return sorted(b for b in found if 0 <= b < len(data))


def test_truncated(good):
    """At every boundary of a header, and one byte before it."""
    program, data = good
    cuts = sorted({cut for b in boundaries(data) for cut in (b, b - 1) if 0 <= cut < len(data)})
    if len(cuts) > 160:     # the first ones are the headers; of the rest a sample
        cuts = cuts[:80] + random.Random(SEED).sample(cuts[80:], 80)
    for cut in cuts:
        program.commands[:] = program.commands[:10] + [f"# cut at {cut}"]
        refuse_image(program, data[:cut], statuses=(DAMAGED,) if cut else REFUSALS)


def test_bit_flips(good):
    """One bit anywhere: in headers, notes, data and digests. No byte of an image is covered by nothing."""
    program, data = good
    generator = random.Random(SEED)
    places = [generator.randrange(min(4096, len(data))) for _ in range(60)] + [generator.randrange(len(data)) for _ in range(60)] + \
        [len(data) - 1 - generator.randrange(4096) for _ in range(40)]
    for place in places:
        bit = generator.randrange(8)
        program.commands[:] = program.commands[:10] + [f"# bit {bit} of byte {place}"]
        changed = bytearray(data)
        changed[place] ^= 1 << bit
        program.note(f"# bit {bit} of byte {place} of {len(data)}")
        # A flip in a field that says what is needed may read as a need that this machine can't meet (69).
        refuse_image(program, changed, statuses=(DAMAGED, 69))


def test_trailing_bytes(good):
    program, data = good
    result_path = program.folder / "bad"
    result_path.write_bytes(data + b"more")
    result = program.run(program.stage.build / "restart", "bad")
    # Refusing is right; so is ignoring what lies behind the end.
    if result.returncode != 0:
        refused(result)


@pytest.mark.parametrize("what", ["missing", "empty", "text", "zeros", "program", "core", "directory", "fifo", "device", "unreadable"])
def test_not_an_image(good, what):
    program, data = good
    path = program.folder / "bad"
    if what == "empty":
        path.write_bytes(b"")
    elif what == "text":
        path.write_text("this is not an image\n" * 500)
    elif what == "zeros":
        path.write_bytes(bytes(100000))
    elif what == "program":
        shutil.copy("/bin/true", path)
    elif what == "core":
        if not shutil.which("gcore"):
            pytest.skip("gcore is not installed")
        sleeper = program.spawn(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        until(lambda: Path(f"/proc/{sleeper.pid}/comm").read_text() == "cat\n", "cat")
        if program.run("gcore", "-o", "core", str(sleeper.pid)).returncode != 0:
            pytest.skip("gcore can't trace here")
        (program.folder / f"core.{sleeper.pid}").rename(path)
    elif what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "device":
        path = Path("/dev/zero")
    elif what == "unreadable":
        if program.identity.is_root:
            pytest.skip("root may read everything")
        path.write_bytes(data)
        os.chown(path, program.identity.uid, program.identity.gid)
        path.chmod(0)
    if path.exists() and path.is_file() and what != "unreadable":
        path.chmod(0o644)
    for command in (["restart"], ["ckpt", "restart"], ["ckpt", "verify"], ["readckpt"]):
        if what == "core" and command[0] == "readckpt":
            continue    # a core of someone else may well be shown
        result = program.run(program.stage.build / command[0], *command[1:], path, timeout=20)
        line = refused(result)
        assert path.name in line, f"the file is not named: {line}"
        if what in ("text", "zeros", "program", "empty") and command != ["readckpt"]:
            assert result.returncode == DAMAGED or what == "empty", f"{command}: {result.returncode} {line}"
        if what == "unreadable":
            assert result.returncode == 77, f"{command}: {result.returncode} {line}"
    assert "pass" not in program.text()


@pytest.mark.parametrize("arguments", [[], ["--no-such-option", "x"], ["a", "b"], ["--pidfile"]], ids=["none", "option", "two", "no-value"])
def test_usage(program, arguments):
    result = program.run(program.stage.build / "restart", *arguments)
    assert result.returncode == 64 and result.stderr.strip(), (result.returncode, result.stderr)


def test_pidfile_that_cannot_be_written(good):
    """Found before the program runs."""
    program, _ = good
    refused(program.run(program.stage.build / "restart", "--pidfile", "no/such/folder/pid", "myckpt"), ["no/such/folder/pid"])
    assert "pass" not in program.text()


# ckpt save

def unharmed(program):
    left = {p.name for p in program.folder.iterdir()} - {"out", "err", "go", "pidfile"}
    assert not [name for name in left if "ckpt" in name or "image" in name], f"left behind: {left}"
    program.go("on")
    program.passes()


def test_save_no_such_process(program):
    child = program.spawn(["true"])
    child.wait()
    refused(program.ckpt("save", str(child.pid)), [str(child.pid)])


def test_save_nonsense(program):
    for nonsense in ("0", "-1", "99999999999", ""):
        result = program.ckpt("save", "--", nonsense)
        assert result.returncode in REFUSALS and result.stderr.strip(), result


def test_save_not_yours(make_program, user):
    if os.geteuid() != 0:
        pytest.skip("needs a program of somebody else")
    theirs, mine = make_program(Identity("root")), make_program(user)
    theirs.start_victim("process/spins")
    result = mine.ckpt("save", str(theirs.pid))
    refused(result, [str(theirs.pid)])
    assert result.returncode == 77
    unharmed(theirs)


@pytest.mark.parametrize("kill", [False, True], ids=["", "kill"])
def test_save_without_an_agent(program, kill):
    """The signal would end such a program: it gets the agent first, or, where nobody may put it there, a refusal."""
    program.start(program.stage.victims / "process/spins", agent=False)
    program.wait_for("ready")
    tracer = program.spawn(["strace", "-q", "-o", "/dev/null", "-p", str(program.pid)])
    until(lambda: "TracerPid:\t0" not in open(f"/proc/{program.pid}/status").read(), "a tracer")
    refused(program.ckpt("save", str(program.pid), *(["--kill"] if kill else [])), [str(program.pid), "strace"])
    tracer.kill()
    tracer.wait()
    unharmed(program)


@pytest.mark.parametrize("action", ["handler", "default", "ignore"])
def test_save_where_the_program_took_the_signal(program, action):
    """A program that uses SIGUSR2 for itself: saved in another way or refused, and never ended by it."""
    program.start_victim("signals/takes_over", action)
    result = program.ckpt("save", str(program.pid))
    if result.returncode != 0:
        refused(result, ["CKPT_SIGNAL|signal"])
    program.go("on")
    program.passes()


def test_save_zombie(program):
    child = program.spawn(["true"])
    until(lambda: open(f"/proc/{child.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z", "a zombie")
    refused(program.ckpt("save", str(child.pid)), [str(child.pid)])


def test_save_stopped(program):
    """A program that is stopped can't answer: that is said, in time, and it goes on when it is continued."""
    program.start_victim("process/spins")
    os.kill(program.pid, signal.SIGSTOP)
    until(lambda: open(f"/proc/{program.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T", "the stop")
    refused(program.ckpt("save", str(program.pid)), [str(program.pid), "stopped"])
    os.kill(program.pid, signal.SIGCONT)
    unharmed(program)


@pytest.mark.parametrize("kill", [False, True], ids=["", "kill"])
def test_save_to_a_full_device(program, kill):
    program.start_victim("process/spins", "2")
    refused(program.ckpt("save", str(program.pid), "-o", "/dev/full", *(["--kill"] if kill else [])), ["space|ENOSPC|/dev/full"])
    assert os.path.exists("/dev/full")
    unharmed(program)


def test_save_to_a_small_disk(make_program):
    """No space left in the middle of writing: the old image stays, the new one leaves nothing."""
    program = make_program(Identity("root"))
    small = program.folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("can't mount a tmpfs")
    try:
        (small / "old").write_text("an old image")
        program.start_victim("process/spins", "8")
        refused(program.ckpt("save", str(program.pid), "-o", small / "old", "--kill"), ["space"])
        assert [p.name for p in small.iterdir()] == ["old"] and (small / "old").read_text() == "an old image"
        unharmed(program)
    finally:
        program.end()
        subprocess.run(["umount", small], check=True)


def test_save_to_a_read_only_folder(make_program, user):
    program = make_program(user)
    program.start_victim("process/spins")
    program.folder.chmod(0o555)
    os.chown(program.folder, 0, 0)
    result = program.ckpt("save", str(program.pid))
    refused(result)
    assert result.returncode == 77 or "read-only" in result.stderr.lower() or "permission" in result.stderr.lower(), result.stderr
    os.chown(program.folder, user.uid, user.gid)
    program.folder.chmod(0o755)
    unharmed(program)


def test_save_to_a_folder_that_is_missing(program):
    program.start_victim("process/spins")
    refused(program.ckpt("save", str(program.pid), "-o", "no/such/folder/image"), ["no/such/folder"])
    unharmed(program)


def test_save_onto_a_folder(program):
    program.start_victim("process/spins")
    (program.folder / "folder").mkdir()
    refused(program.ckpt("save", str(program.pid), "-o", "folder"), ["folder"])
    assert not list((program.folder / "folder").iterdir())
    unharmed(program)


def test_signal_with_nowhere_to_write(program):
    """The same without the command: the agent says it in a line on standard error, the program goes on."""
    program.start_victim("process/spins", env={"CKPT_FILE": "no/such/folder/image"})
    os.kill(program.pid, signal.SIGUSR2)
    until(lambda: program.err.read_text() or not program.alive(), "a line on standard error")
    assert "no/such/folder" in program.err.read_text()
    unharmed(program)


def test_save_without_free_descriptors(program):
    """The program's table is full to the limit: that is said, or the agent gets by without."""
    program.start_victim("files/full_table")
    result = program.ckpt("save", "--timeout", "5", str(program.pid))
    if result.returncode != 0:
        refused(result, ["descriptor|EMFILE|files|answer"])
        assert program.image_stamp("myckpt") is None
    program.go("on")
    program.passes()
