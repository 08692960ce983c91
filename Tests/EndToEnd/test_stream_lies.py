"""A sender that lies: streams in which one length, offset or count is another one than it should be.

Every word of the headers and tables of a stream's image is made too small, too large and huge, one at a time. Who takes
such a stream refuses it with a sentence before anything runs, in bounded time and memory.
"""

import itertools
import os
import random
import select
import socket
import struct
import subprocess
import tempfile

import pytest

from harness import REFUSALS, until

SEED = 20261121

# KiB that a refused stream may cost at most; the image itself has some 3 MiB.
MEMORY = 64 << 10
SECONDS = 10


def words(data):
    """Offsets and sizes of the words that say how long something is, or where."""
    found = [(32, 8), (40, 8), (52, 2), (54, 2), (56, 2), (58, 2), (60, 2), (62, 2)]
    header_start, sections = struct.unpack_from("<QQ", data, 32)
    first_note, = struct.unpack_from("<Q", data, header_start + 8)
    note_bytes, = struct.unpack_from("<Q", data, header_start + 32)
    count = (first_note - 64) // 56
    for number in {0, 1, count // 2, count - 1}:
        found += [(header_start + number * 56 + field, 8) for field in (8, 16, 32, 40, 48)]
    at = first_note
    while at < first_note + note_bytes:
        name_size, size, kind = struct.unpack_from("<III", data, at)
        found += [(at, 4), (at + 4, 4)]
        body = at + 12 + (name_size + 3) // 4 * 4
        if data[at + 12:at + 17] == b"CKPT\0":
            found += [(body + 4, 4), (body + 8, 8)]
            entry, entries = struct.unpack_from("<IQ", data, body + 4)
            # Strings and details are bytes, which anything may be.
            if entry > 1:
                for index in {0, entries // 2, entries - 1} if entries else ():
                    start = body + 16 + index * entry
                    found += [(start + place, 4) for place in range(0, entry, 4)]
                    found += [(start + place, 8) for place in range(0, entry - 7, 8)]
        at = body + (size + 3) // 4 * 4
    found += [(sections + number * 64 + field, 8) for number in range(3) for field in (24, 32, 48, 56)]
    digests = struct.unpack_from("<Q", data, sections + 64 + 24)[0]
    found += [(digests + place, 8) for place in range(0, 64, 8)]
    return found


def lies(data):
    """What may be wrong: an offset, how many bytes there, and their value."""
    for place, size in words(data):
        value = int.from_bytes(data[place:place + size], "little")
        top = (1 << 8 * size) - 1
        for lie in {0, value // 2, value - 1, value + 1, value + 4096, 2 * value + 1, top >> 1, top - 4095, top} - {value}:
            if 0 <= lie <= top:
                yield place, size, lie


@pytest.fixture(scope="module")
def image(stage):
    """An image of a small program, as a stream has it."""
    folder = stage.root / "lies"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    environment = dict(os.environ, LD_PRELOAD=str(stage.build / "libckpt.so"))
    program = subprocess.Popen(["/bin/sh", "-c", "echo ran; read x; echo ran again; exit 3"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, env=environment, cwd=folder)
    try:
        assert program.stdout.readline() == b"ran\n"
        yield subprocess.run([stage.build / "ckpt", "save", str(program.pid), "-o", "-"], check=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL).stdout
    finally:
        program.kill()
        program.wait()
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


class Taker:
    """Commands that take a stream, run by one of the identities."""

    def __init__(self, stage, identity):
        self.build, self.folder, self.identity = stage.build, stage.root / "lies", identity
        # A process begins with the memory of the one that started it, as far as this is counted.
        self.start("restart", "--version")
        self.least = os.wait4(self.process.pid, 0)[2].ru_maxrss
        self.process.returncode = 0

    def start(self, *words, stdin=subprocess.DEVNULL):
        self.said = open(self.folder / f"said.{self.identity.name}", "w+b")
        self.process = subprocess.Popen([self.build / words[0], *words[1:]], stdin=stdin, stdout=self.said,
                                        stderr=self.said, cwd=self.folder, **self.identity.popen_arguments())

    def text(self):
        return os.pread(self.said.fileno(), 1 << 20, 0).decode(errors="replace")

    def refuses(self, lie):
        """Checks the command's end; it has been sent all that it gets."""
        with open(os.pidfd_open(self.process.pid)) as handle:
            if not select.select([handle], [], [], SECONDS)[0]:
                self.process.kill()
                pytest.fail(f"{lie}: it hangs: {self.text()}")
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        text = self.text()
        self.said.close()
        assert self.process.returncode in REFUSALS, f"{lie}: {self.process.returncode}: {text}"
        assert "ran" not in text.split() and "Fatal" not in text and len(text) > 20, f"{lie}: {text}"
        assert usage.ru_maxrss < self.least + MEMORY, f"{lie}: {usage.ru_maxrss} KiB"

    def is_sent(self, data, *words):
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            cat = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            self.start(*words, stdin=cat.stdout)
            cat.stdout.close()
        return cat


@pytest.fixture
def taker(stage, identity, image):
    return Taker(stage, identity)


def some(image, count):
    """Copies of an image with a lie in each: of all lies as many as that, the same ones every time."""
    for place, size, lie in random.Random(SEED).sample(list(lies(image)), count):
        yield f"{lie:#x} at {place}, {size} bytes", image[:place] + lie.to_bytes(size, "little") + image[place + size:]


def lengthened(image):
    """More and less than the head says that there is."""
    for count in (0, 1, 63, 64, 4095, 4096, len(image) // 2, len(image) - 1):
        yield f"cut at {count}", image[:count]
    for more in (b"x", bytes(4096), image):
        yield f"{len(more)} bytes more", image + more


@pytest.mark.parametrize("command", [["restart", "-"], ["ckpt", "receive", "-o", "got"]], ids=lambda words: words[0])
def test_lies_through_a_pipe(taker, image, command):
    for lie, data in itertools.chain(some(image, 150 if command[0] == "restart" else 25), lengthened(image)):
        cat = taker.is_sent(data, *command)
        taker.refuses(lie)
        cat.wait()
        assert not (taker.folder / "got").exists(), lie


def test_lies_through_a_socket(taker, image):
    path = str(taker.folder / "socket")
    for lie, data in itertools.chain(some(image, 12), lengthened(image)):
        taker.start("ckpt", "restart", "--from", f"unix:{path}")
        until(lambda: "waiting at" in taker.text(), "a receiver that waits")
        with socket.socket(socket.AF_UNIX) as sender:
            sender.connect(path)
            try:
                sender.sendall(data)
                sender.shutdown(socket.SHUT_WR)
            except OSError:
                pass    # It has heard enough.
            taker.refuses(lie)


def test_what_is_true_is_taken(taker, image):
    """The same command, not lied to."""
    cat = taker.is_sent(image, "restart", "--private-pids", "--detach", "-")
    assert taker.process.wait(SECONDS) == 0, taker.text()
    cat.wait()
