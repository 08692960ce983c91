"""What is killed halfway leaves nothing behind, and nobody waiting."""

import os
import signal
import struct

import pytest

from harness import until

COMMANDS = {
    "save": ("save", "-q", "{pid}", "-o", "new"),
    "merge": ("merge", "-q", "myckpt", "-o", "new"),
    "exe": ("exe", "-q", "myckpt", "-o", "new"),
    "receive": ("receive", "--from", "myckpt", "-o", "new"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_killed_command_leaves_no_file(program, command):
    """Killed once it has the file open that is to have the image."""
    program.start_victim("memory/heap")
    program.checkpoint()
    program.front.send_signal(signal.SIGSTOP) if command == "save" else None
    words = [word.format(pid=program.pid) for word in COMMANDS[command]]
    names = {p.name for p in program.folder.iterdir()}
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = program.spawn([program.stage.build / "ckpt", *words], stdout=-3, stderr=-3)

        def has_file():
            if process.poll() is not None:
                return True
            try:
                links = [os.readlink(f.path) for f in os.scandir(f"/proc/{process.pid}/fd")]
            except OSError:
                return False
            return any(str(program.folder) in link and "myckpt" not in link for link in links)

        until(has_file, "the file of the image, or the end")
        if process.poll() is None:
            process.send_signal(number)
        process.wait()
        assert {p.name for p in program.folder.iterdir()} - names <= {"new"}
    if command == "save":
        program.front.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("options", [("--lazy",), ("--lazy-mapped",), ()])
def test_restart_ends_when_the_first_process_of_its_namespace_is_killed(program, options):
    program.start_victim("memory/heap")
    program.checkpoint()
    program.kill()
    program.restart("--private-pids", *options)

    def first():
        for entry in os.scandir("/proc"):
            try:
                if open(f"/proc/{entry.name}/comm").read() == "ckpt-init\n" and str(program.front.pid) in open(
                        f"/proc/{entry.name}/stat").read().rsplit(")", 1)[1].split()[1]:
                    return int(entry.name)
            except (OSError, ValueError):
                continue

    os.kill(until(first, "the first process of the namespace"), signal.SIGKILL)
    assert program.wait_front() != 0


def test_inspect_survives_damaged_notes_of_others(program):
    program.start_victim("files/offsets")
    program.checkpoint()
    image = bytearray((program.folder / "myckpt").read_bytes())
    place, = struct.unpack_from("<Q", image, 72)
    end = place + struct.unpack_from("<Q", image, 96)[0]
    damages = []
    while place < end:
        name, size, kind = struct.unpack_from("<III", image, place)
        start = place + 12 + ((name + 3) & ~3)
        if kind == 0x46494C45:
            damages += [(start, 1 << 40), (start, (1 << 63) + 1), (start, size // 24)]
        place = start + ((size + 3) & ~3)
    assert damages
    for start, count in damages:
        damaged = bytearray(image)
        struct.pack_into("<Q", damaged, start, count)
        (program.folder / "damaged").write_bytes(damaged)
        result = program.ckpt("inspect", "damaged")
        assert result.returncode in (0, 65), (result.returncode, result.stderr)
