"""`restart --map OLD=NEW`: paths that differ where the program goes on."""

import os
import shutil

import pytest

from harness import refused

# Has of everything that has a path one under the folder it is given; later it has to find them where it is told.
PLACES = """
import ctypes, fcntl, mmap, os, socket, sys, time
root, beside = sys.argv[1], sys.argv[2]
os.chdir(root + "/home")
file = os.open("file", os.O_RDWR | os.O_CREAT, 0o644)
os.write(file, b"before\\n")
fcntl.lockf(file, fcntl.LOCK_EX)
data = os.open(root + "/data", os.O_RDONLY | os.O_DIRECTORY)
os.mkfifo("fifo")
fifo = os.open("fifo", os.O_RDWR)
os.write(fifo, b"queued")
other = os.open(beside, os.O_RDWR | os.O_CREAT, 0o644)
for name in ("shared", "private"):
    with open(root + "/data/" + name, "wb") as new:
        new.write(b"0123456789abcdef" * 512)
with open(root + "/data/shared", "r+b") as opened:
    shared = mmap.mmap(opened.fileno(), 8192)
with open(root + "/data/private", "r+b") as opened:
    private = mmap.mmap(opened.fileno(), 8192, flags=mmap.MAP_PRIVATE)
listener = socket.socket(socket.AF_UNIX)
listener.bind(root + "/data/socket")
listener.listen()
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(root + "/data/dgram")
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.connect(root + "/data/dgram")
libc = ctypes.CDLL(None)
watcher = libc.inotify_init1(0)
assert libc.inotify_add_watch(watcher, (root + "/data").encode(), 0x100) == 1
print("ready", flush=True)

while not os.path.exists(os.environ["VICTIM_GO"]):
    time.sleep(0.005)
new, data_there = open(os.environ["VICTIM_GO"]).read().split()

def check(found, wanted):
    if found != wanted:
        print(f"failed: {found} instead of {wanted}", flush=True)
        os._exit(1)

check(os.getcwd(), new + "/home")
for number, path in ((file, new + "/home/file"), (data, data_there), (fifo, new + "/home/fifo"), (other, beside)):
    check(os.readlink(f"/proc/self/fd/{number}"), path)
check(listener.getsockname(), data_there + "/socket")
check(receiver.getsockname(), data_there + "/dgram")
check(sender.getpeername(), data_there + "/dgram")
client = socket.socket(socket.AF_UNIX)
client.connect(data_there + "/socket")
listener.accept()
sender.send(b"over there")
check(receiver.recv(100), b"over there")
check(os.read(fifo, 100), b"queued")
shared[:5] = b"after"
check(open(data_there + "/shared", "rb").read(8), b"after567")
check(bytes(private), b"0123456789abcdef" * 512)
os.write(file, b"after\\n")
check(open(new + "/home/file").read(), "before\\nafter\\n")
open(data_there + "/created", "w").close()
check(os.read(watcher, 100)[16:].rstrip(b"\\0"), b"created")
maps = open("/proc/self/maps").read()
for name in ("/shared", "/private"):
    check(data_there + name in maps, True)
check(root + "/" in maps, False)
print("pass", flush=True)
"""


def own(program, *paths):
    for path in paths:
        os.chown(path, program.identity.uid, program.identity.gid)


def save(program):
    # It would go to the program's own folder.
    return program.checkpoint(options=("-o", program.folder / "myckpt"))


@pytest.fixture
def places(program):
    """The program, saved and gone, and its folder somewhere else: (program, old, new, where the data is now)."""
    old = program.folder / "old"
    for path in (old, old / "home", old / "data"):
        path.mkdir()
        own(program, path)
    (program.folder / "places.py").write_text(PLACES)
    # Begins with the same letters, but is another one.
    program.start("/usr/bin/python3", program.folder / "places.py", old, program.folder / "older")
    program.wait_for("ready")
    save(program)
    program.kill()
    new, data = program.folder / "a much longer name than before".replace(" ", "-"), program.folder / "d"
    old.rename(new)
    (new / "data").rename(data)
    return program, old, new, data


@pytest.mark.parametrize("how", ["file", "stream", "lazy", "packed"])
def test_paths(places, how):
    """Everything is found where it is now. The longest prefix wins, and only whole parts of a path count."""
    program, old, new, data = places
    words = [f"--map={old}={new}", "--map", f"{old}/data/={data}"]
    if how == "lazy":
        words.append("--lazy")
    if how == "stream":
        with open(program.folder / "myckpt") as stream:
            program.restart(*words, image="-", stdin=stream)
    else:
        if how == "packed":
            assert program.run("gzip", "-1", "myckpt").returncode == 0
        program.restart(*words, image="myckpt.gz" if how == "packed" else "myckpt")
    assert "note: --map" not in program.said()
    # What is saved now has the paths of this machine.
    save(program)
    program.kill()
    program.restart()
    program.go(f"{new} {data}")
    program.passes()


def test_without_it_is_refused(places):
    program, old, new, data = places
    refused(program.run(program.stage.build / "restart", "myckpt"), [str(old)])
    # Mapped to a wrong place, it says which one.
    result = program.run(program.stage.build / "restart", "--map", f"{old}=/no/such/place", "myckpt")
    refused(result, ["/no/such/place/home", "ENOENT"])


def test_too_long(places):
    """Names of Unix sockets have a limit, for which the names of these tests are short."""
    program, old, new, data = places
    far = "/" + "x" * 110
    result = program.run(program.stage.build / "restart", "--map", f"{old}={new}", "--map", f"{old}/data={far}", "myckpt")
    refused(result, ["107 bytes", f"{old}/data/socket"])
    assert result.returncode == 1


def test_program_file_and_thin_images(program):
    """The program's own file, and files that a thin image of a chain needs; a parent under its path."""
    old, new = program.folder / "old", program.folder / "new"
    for path in (old, old / "images"):
        path.mkdir()
        own(program, path)
    shutil.copy(program.stage.victims / "process/spins", old / "spins")
    program.environment.update(CKPT_THIN="1", CKPT_INCREMENTAL="1", CKPT_FILE=str(old / "images/%c"))
    program.start(old / "spins", "1")
    program.wait_for("ready")
    for number in (1, 2):
        result = program.ckpt("save", str(program.pid))
        assert result.returncode == 0, result.stderr
    program.kill()
    (old / "images/2").rename(program.folder / "newest")
    old.rename(new)
    refused(program.run(program.stage.build / "restart", "newest"), ["an image is missing"])
    shutil.copy(new / "images/1", program.folder / "1")
    own(program, program.folder / "1")
    refused(program.run(program.stage.build / "restart", "newest"), ["cannot open a file that the image needs", str(old / "spins")])
    (program.folder / "1").unlink()
    program.restart("--map", f"{old}={new}", image="newest")
    assert os.readlink(f"/proc/{program.pid}/exe") == str(new / "spins")
    assert str(old) not in open(f"/proc/{program.pid}/maps").read()
    program.go("restarted")
    program.passes()


def test_matches_nothing(program):
    program.start_victim("process/spins")
    program.checkpoint()
    program.kill()
    program.restart("--map", "/no/such=/place", "--map", f"{program.folder}={program.folder}")
    notes = [line for line in program.said().splitlines() if "note:" in line]
    assert len(notes) == 1 and notes[0].endswith("under /no/such"), program.said()
    program.go("restarted")
    program.passes()


@pytest.mark.parametrize("word, why", [
    ("/a", "no ="), ("=/b", "OLD is empty"), ("a=/b", "OLD is relative"), ("/a=b", "NEW is relative"), ("/a=", "NEW is empty"),
])
def test_wrong_usage(program, word, why):
    result = program.run(program.stage.build / "restart", "--map", word, "myckpt")
    assert result.returncode == 64
    refused(result, ["--map takes OLD=NEW", why, word])
    for words in (["restart", "--map", word, "myckpt"], ["migrate", "--map", word, "1", "user@host"]):
        result = program.ckpt(*words)
        assert result.returncode == 64 and "--map takes OLD=NEW" in result.stderr and word in result.stderr


def test_wrong_usage_of_many(program):
    for words in (["--map"], ["--map", "/a=/b", "--map", "/a/=/c"], [f"--map=/{n}=/x" for n in range(65)]):
        result = program.run(program.stage.build / "restart", *words, *(["myckpt"] if len(words) > 1 else []))
        assert result.returncode == 64
        refused(result, ["--map"])
