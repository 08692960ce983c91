"""Images that go through pipes and sockets, compressed and encrypted ones, and what is refused of them.

The program is a Python script that checks its own memory: 24 MiB of random bytes, shared memory, a pipe with something
in it, a System V segment. It writes "fine N" to `out` while that is so.
"""

import json
import os
import shutil
import signal
import socket
import subprocess

import pytest

from harness import refused, until

SCRIPT = """
import ctypes, hashlib, mmap, os, sys, time
data = bytearray(os.urandom(1 << 20) * 24)
digest = hashlib.sha256(data).digest()
shared = mmap.mmap(-1, 1 << 20)
shared.write(b'x' * 300000)
reader, writer = os.pipe()
os.write(writer, b'queued')
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
segment = libc.shmget(0, 65536, 0o1600)
place = libc.shmat(segment, None, 0)
libc.shmctl(segment, 0, None)
ctypes.memmove(place, b'segment', 7)
print('ready', flush=True)
while not os.path.exists('stop'):
    time.sleep(0.01)
whole = hashlib.sha256(data).digest() == digest and shared[:300000] == b'x' * 300000
print('fine' if whole and os.read(reader, 99) == b'queued' and ctypes.string_at(place, 7) == b'segment' else 'lost', flush=True)
"""


@pytest.fixture
def saver(program):
    """The program, running, as somebody who can be saved."""
    script = program.folder / "program.py"
    script.write_text(SCRIPT)
    # A private mapping of a file that is gone by the restart is in every Python.
    program.start("/usr/bin/python3", script)
    program.wait_for("ready")
    return program


def ckpt(program):
    return program.stage.build / "ckpt"


def finish(program):
    """Lets the program look at its memory: it goes on, or came back whole."""
    (program.folder / "stop").write_text("")
    until(lambda: "fine\n" in program.text() or "lost\n" in program.text() or not program.alive(), "the program's verdict\n" + program.said())
    assert "lost" not in program.text(), program.said()


def comes_back(program, *command, **more):
    """Runs a restart to the program's end; what it said after its checkpoint is forgotten before."""
    (program.folder / "stop").write_text("")
    program.out.write_text("ready\n")
    result = program.run(*command, **more)
    assert result.returncode == 0, result.stderr
    assert "fine\n" in program.text(), program.said() + result.stderr
    return result


def never_ran(program):
    assert "fine" not in program.text() and "lost" not in program.text(), "a refused program ran"


def shell(program, text, **more):
    return program.run("/bin/bash", "-c", f"set -o pipefail; B={program.stage.build}; {text}", **more)


def key(program, name="key"):
    assert program.ckpt("keygen", "-o", name).returncode == 0
    assert os.stat(program.folder / name).st_mode & 0o777 == 0o600
    return name


def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def waits(program, *arguments, **more):
    """A command that waits for a sender, once it does."""
    err = program.file(program.folder / "waiting.err")
    try:
        process = program.spawn([ckpt(program), *arguments], stderr=err, stdout=subprocess.DEVNULL, **more)
    finally:
        os.close(err)
    until(lambda: "waiting at" in (program.folder / "waiting.err").read_text() or process.poll() is not None, "a receiver that waits")
    return process


def said(program):
    return (program.folder / "waiting.err").read_text()


# Plain streams


def test_a_stream_is_an_image(saver):
    assert shell(saver, f"$B/ckpt save {saver.pid} -o - > image").returncode == 0
    assert saver.ckpt("verify", "image").returncode == 0
    saver.kill()
    comes_back(saver, saver.stage.build / "restart", "image")


def test_a_program_goes_on_behind_its_stream(saver):
    assert shell(saver, f"$B/ckpt save {saver.pid} -o - | cat > image").returncode == 0
    finish(saver)


@pytest.mark.parametrize("command", ["restart -", "ckpt restart -"])
def test_restart_reads_a_pipe(saver, command):
    assert saver.ckpt("save", saver.pid, "-o", "image").returncode == 0
    saver.kill()
    (saver.folder / "stop").write_text("")
    saver.out.write_text("ready\n")
    result = shell(saver, f"cat image | $B/{command}")
    assert result.returncode == 0, result.stderr
    assert "fine\n" in saver.text(), saver.said()


def test_precopied_and_incremental_images_come_as_one_stream(make_program, user):
    program = make_program(user)
    script = program.folder / "program.py"
    script.write_text(SCRIPT)
    program.start("/usr/bin/python3", script)
    program.wait_for("ready")
    assert program.ckpt("save", program.pid, "--incremental").returncode == 0
    # In a series that only writes changes, a stream has all of it.
    assert shell(program, f"$B/ckpt save {program.pid} --incremental -o - > image").returncode == 0
    assert program.ckpt("save", program.pid, "--incremental").returncode == 0
    program.kill()
    comes_back(program, program.stage.build / "restart", "image")


def test_memory_use_is_bounded(saver):
    """ckpt hands on tens of MiB and takes less itself."""
    code = "import os, resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); " \
           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    name = key(saver)
    result = saver.run("/usr/bin/python3", "-c", code, ckpt(saver), "save", saver.pid, "-o", "-", "--compress", "zstd", "--key", name)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < 64 << 10, "KiB"


# Sockets


@pytest.mark.parametrize("place", ["unix", "tcp", "tcp6", "udp"])
def test_an_image_goes_over_a_socket(saver, place):
    number = port()
    url = {"unix": f"unix:{saver.folder}/socket", "tcp": f"tcp://127.0.0.1:{number}",
           "tcp6": f"tcp://[::1]:{number}", "udp": f"udp://127.0.0.1:{number}"}[place]
    if place == "tcp6" and not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("no IPv6")
    keyed = ["--key", key(saver)] if place != "unix" else []
    receiver = waits(saver, "receive", "-o", "got", "--from", url, *keyed)
    repeat = ["--repeat", "2"] if place == "udp" else []
    result = saver.ckpt("save", saver.pid, "--to", url, "--compress", "lz4", *keyed, *repeat)
    assert result.returncode == 0, result.stderr + said(saver)
    assert receiver.wait(60) == 0, said(saver)
    assert os.stat(saver.folder / "got").st_mode & 0o777 == 0o600
    assert not os.path.exists(saver.folder / "socket")
    assert saver.ckpt("verify", "got").returncode == 0
    saver.kill()
    comes_back(saver, saver.stage.build / "restart", "got")


def test_a_program_moves_over_tcp(saver):
    url = f"tcp://127.0.0.1:{port()}"
    name = key(saver)
    (saver.folder / "stop").unlink(missing_ok=True)
    receiver = waits(saver, "restart", "--private-pids", "--from", url, "--key", name)
    result = saver.ckpt("save", saver.pid, "--to", url, "--key", name, "--kill", "--cipher", "chacha20-poly1305")
    assert result.returncode == 0, result.stderr + said(saver)
    saver.wait_front()
    (saver.folder / "stop").write_text("")
    assert receiver.wait(60) == 0, said(saver)
    assert "fine\n" in saver.text(), saver.said()


def test_networks_need_a_key(saver):
    url = f"tcp://127.0.0.1:{port()}"
    for arguments in (["save", saver.pid, "--to", url], ["receive", "-o", "x", "--from", url], ["restart", "--from", url]):
        result = saver.ckpt(*arguments)
        assert result.returncode == 64 and "key" in result.stderr
    finish(saver)


def test_a_stranger_without_the_key_runs_nothing(saver):
    url = f"tcp://127.0.0.1:{port()}"
    mine, other = key(saver), key(saver, "other")
    receiver = waits(saver, "restart", "--private-pids", "--from", url, "--key", mine)
    result = saver.ckpt("save", saver.pid, "--to", url, "--key", other)
    assert receiver.wait(60) == 65 and "another key" in said(saver)
    assert result.returncode in (0, 1)
    finish(saver)


@pytest.mark.parametrize("sent", [b"", b"CKPTSEAL", b"\x7fELF" + b"\0" * 5000, b"GET / HTTP/1.0\r\n\r\n", b"\x28\xb5\x2f\xfd" + b"\xff" * 3000])
def test_garbage_from_a_network_is_refused(saver, sent):
    number = port()
    receiver = waits(saver, "restart", "--from", f"tcp://:{number}", "--key", key(saver), "--idle-timeout", "5s")
    with socket.create_connection(("127.0.0.1", number)) as sender:
        sender.sendall(sent)
    assert receiver.wait(30) == 65, said(saver)
    assert "Fatal" not in said(saver)


def test_a_sender_that_stalls_is_given_up(saver):
    number = port()
    receiver = waits(saver, "receive", "-o", "x", "--from", f"tcp://:{number}", "--key", key(saver), "--idle-timeout", "300ms")
    with socket.create_connection(("127.0.0.1", number)) as sender:
        sender.sendall(b"CKPTSEAL")
        assert receiver.wait(30) == 1 and "ETIMEDOUT" in said(saver)
    assert not (saver.folder / "x").exists()


def test_a_receiver_that_stalls_or_goes_harms_nobody(saver):
    name = key(saver)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        refused(saver.ckpt("save", saver.pid, "--to", url, "--key", name, "--idle-timeout", "300ms"), ["ETIMEDOUT"])
        sender = saver.spawn([ckpt(saver), "save", saver.pid, "--to", url, "--key", name], stderr=subprocess.DEVNULL)
        listener.accept()[0].close()
        connection, _ = listener.accept()
        connection.recv(100_000)
        connection.close()
        assert sender.wait(60) == 1
    refused(saver.ckpt("save", saver.pid, "--to", url, "--key", name), ["ECONNREFUSED"])
    refused(saver.ckpt("save", saver.pid, "--to", "unix:/nowhere/at/all"), ["ENOENT"])
    finish(saver)


def test_a_reader_that_goes_harms_nobody(saver):
    result = shell(saver, f"$B/ckpt save {saver.pid} -o - | head -c 300000 | wc -c")
    assert result.stdout.strip() == "300000" and result.returncode == 1
    assert "EPIPE" in result.stderr
    finish(saver)


def test_a_port_that_is_taken(saver):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        refused(saver.ckpt("receive", "-o", "x", "--from", url, "--key", key(saver)), ["EADDRINUSE"])


def test_datagrams_with_a_gap_are_refused(saver):
    number = port()
    name = key(saver)
    receiver = waits(saver, "receive", "-o", "x", "--from", f"udp://127.0.0.1:{number}", "--key", name, "--idle-timeout", "300ms")
    magic = b"CKPTUDP1"
    # A head that may be, and a chunk that begins.
    data = b"CKPTSEAL\x01\x01\x14" + b"\0" * 5 + b"x" * 132
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for part in (0, 1, 3):
            sender.sendto(magic + b"streamid" + part.to_bytes(8, "little") + data, ("127.0.0.1", number))
        assert receiver.wait(30) == 65 and "datagram 2 is missing" in said(saver)


# Looking at a stream


def test_a_stream_is_looked_at_on_both_sides(saver):
    result = shell(saver, f"$B/ckpt save {saver.pid} -o - | $B/ckpt inspect --tee - 2> sent | cat | $B/ckpt inspect --json --tee - 2> got > image")
    assert result.returncode == 0, result.stderr
    sent, got = ((saver.folder / name).read_text() for name in ("sent", "got"))
    report = json.loads(got)
    assert report["damagedPages"] == 0 and report["process"]["pid"] > 0
    digests = [digest for digest in report["regionDigests"] if digest]
    assert len(digests) > 10 and all(digest in sent for digest in digests)
    thread = report["registers"][0]
    assert f"  {thread['tid']} rip {thread['values']['rip']:#x}" in sent
    assert "descriptors" in sent
    assert saver.ckpt("verify", "image").returncode == 0
    whole = bytearray((saver.folder / "image").read_bytes())
    whole[len(whole) // 2] ^= 1
    (saver.folder / "bad").write_bytes(whole)
    for text in ("cat bad | $B/ckpt inspect -", "head -c 3000000 bad | $B/ckpt inspect -", "echo nothing | $B/ckpt inspect -"):
        assert shell(saver, text).returncode == 65, text
    finish(saver)


# Compression


@pytest.mark.parametrize("way, tool", [("lz4", "lz4"), ("zstd", "zstd"), ("zstd:9:2", "zstd"), ("gzip:1", "gzip")])
def test_compressed_images_are_what_the_tools_know(saver, way, tool):
    assert saver.ckpt("save", saver.pid, "-o", "image", "--compress", way).returncode == 0
    path = shutil.which(tool)
    if path:
        with open(saver.folder / "image", "rb") as file:
            # gzip and lz4 want a name of their own at the end of a file's.
            assert saver.run(path, "-t", stdin=file).returncode == 0
    assert saver.ckpt("verify", "image").returncode == 0
    assert "process" in saver.ckpt("inspect", "image").stdout
    saver.kill()
    comes_back(saver, saver.stage.build / "restart", "image")
    comes_back(saver, saver.stage.build / "ckpt", "restart", "image")


def test_what_other_tools_compressed_is_taken(saver):
    assert saver.ckpt("save", saver.pid, "-o", "image").returncode == 0
    saver.kill()
    assert shell(saver, "gzip -1 image").returncode == 0
    comes_back(saver, saver.stage.build / "restart", "image.gz")


# Encryption


def test_an_encrypted_image(saver):
    name = key(saver)
    assert saver.ckpt("save", saver.pid, "-o", "image", "--key", name).returncode == 0
    saver.kill()
    saver.out.write_text("ready\n")
    (saver.folder / "stop").write_text("")
    refused(saver.run(saver.stage.build / "restart", "image"), ["encrypted"])
    refused(saver.ckpt("verify", "image"), ["encrypted"])
    refused(saver.ckpt("restart", "--key", key(saver, "other"), "image"), ["another key"])
    whole = (saver.folder / "image").read_bytes()
    for place in (60, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        (saver.folder / "bad").write_bytes(damaged)
        os.chmod(saver.folder / "bad", 0o644)
        assert refused(saver.ckpt("restart", "--key", name, "bad"))
    (saver.folder / "bad").write_bytes(whole[:-1])
    refused(saver.ckpt("restart", "--key", name, "bad"), ["cut off"])
    (saver.folder / "bad").write_bytes(whole[: 48 + 3 * (16 + (1 << 20))])
    refused(saver.ckpt("restart", "--key", name, "bad"), ["cut off"])
    never_ran(saver)
    os.chmod(saver.folder / name, 0o640)
    assert saver.ckpt("restart", "--key", name, "image").returncode == 77
    os.chmod(saver.folder / name, 0o600)
    never_ran(saver)
    comes_back(saver, saver.stage.build / "ckpt", "restart", "--key", name, "image")


def test_a_passphrase(saver):
    phrase = saver.folder / "phrase"
    phrase.write_text("open sesame\n")
    os.chown(phrase, saver.identity.uid, saver.identity.gid)
    phrase.chmod(0o600)
    assert saver.ckpt("save", saver.pid, "-o", "image", "--passphrase-file", "phrase").returncode == 0
    saver.kill()
    result = shell(saver, "$B/ckpt receive -o plain --from image --passphrase-fd 3 3< <(echo open sesame)")
    assert result.returncode == 0, result.stderr
    comes_back(saver, saver.stage.build / "ckpt", "restart", "--passphrase-file", "phrase", "image")


def test_keys_are_never_overwritten(user, make_program):
    program = make_program(user)
    name = key(program)
    before = (program.folder / name).read_bytes() if os.geteuid() == 0 else b""
    refused(program.ckpt("keygen", "-o", name), ["EEXIST"])
    if before:
        assert (program.folder / name).read_bytes() == before


# Streams that aren't right


def test_damaged_streams_run_nothing(saver):
    assert saver.ckpt("save", saver.pid, "-o", "image").returncode == 0
    saver.kill()
    saver.out.write_text("ready\n")
    (saver.folder / "stop").write_text("")
    whole = (saver.folder / "image").read_bytes()
    restart = saver.stage.build / "restart"

    def send(data):
        with open(saver.folder / "sent", "wb") as file:
            file.write(data)
        os.chmod(saver.folder / "sent", 0o644)
        return shell(saver, "cat sent | $B/restart -")

    step = len(whole) // 12
    for end in [0, 1, 63, 4095, 4096, *range(step, len(whole), step), len(whole) - 1]:
        assert refused(send(whole[:end])), end
    for place in [20, 300, 5000, *range(step, len(whole), step), len(whole) - 1]:
        damaged = bytearray(whole)
        damaged[place] ^= 1
        result = send(bytes(damaged))
        # Bytes between the parts mean nothing; there are none in what the agent writes.
        assert result.returncode in (65, 69, 1), (place, result.stderr)
    refused(send(whole + b"x"), ["behind the image's end"])
    refused(send(whole + whole))
    never_ran(saver)
    with open(saver.folder / "sent", "wb") as file:
        file.write(whole)
    comes_back(saver, "/bin/bash", "-c", f"cat sent | {restart} -")


def test_a_stream_that_stalls(saver):
    assert saver.ckpt("save", saver.pid, "-o", "image").returncode == 0
    saver.kill()
    saver.out.write_text("ready\n")
    result = shell(saver, "(head -c 5000000 image; exec 1>&-; sleep 0) | $B/restart -")
    assert result.returncode == 65 and "ended before" in result.stderr
    reader, writer = os.pipe()
    with open(saver.folder / "image", "rb") as file:
        os.write(writer, file.read(60000))
    refused(saver.run(saver.stage.build / "restart", "--idle=1", "-", stdin=reader), ["nothing more came"])
    os.close(writer)
    os.close(reader)
    never_ran(saver)


def test_a_feeder_that_is_killed(saver):
    assert saver.ckpt("save", saver.pid, "-o", "image").returncode == 0
    saver.kill()
    saver.out.write_text("ready\n")
    reader, writer = os.pipe()
    process = saver.spawn([ckpt(saver), "restart", "-"], stdin=reader, stderr=subprocess.PIPE)
    os.close(reader)
    with open(saver.folder / "image", "rb") as file:
        os.write(writer, file.read(50000))
    children = until(lambda: open(f"/proc/{process.pid}/task/{process.pid}/children").read().split(), "a feeder")
    os.kill(int(children[0]), signal.SIGKILL)
    _, text = process.communicate(timeout=60)
    os.close(writer)
    assert process.returncode == 1 and b"was killed" in text, text
    never_ran(saver)


def test_streams_take_no_lazy_options(saver):
    for arguments in (["--lazy", "-"], ["--lazy-touched", "-"]):
        assert saver.run(saver.stage.build / "restart", *arguments).returncode == 64
        assert saver.ckpt("restart", *arguments).returncode == 64
    finish(saver)
