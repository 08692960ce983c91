"""Restored far away: on a machine with other libraries, another processor, another kernel, another name.

There is one machine here. What can be another one in a namespace is; a processor and a kernel are another one in the
image, all digests of which are right. `test_migrate.py` has two machines with names of their own."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from harness import refused
from harness.images import Image, demand_everything

# In a mount namespace of its own: puts something else over files, and becomes a user and a program.
ELSEWHERE = """
import ctypes, os, sys
uid, gid, host, over, rest = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:]
libc = ctypes.CDLL(None, use_errno=True)
def must(result):
    if result:
        sys.exit(os.strerror(ctypes.get_errno()))
must(libc.unshare(0x00020000 | 0x04000000))  # CLONE_NEWNS, CLONE_NEWUTS
must(libc.mount(None, b"/", None, 0x44000, None))  # MS_REC, MS_PRIVATE
must(libc.sethostname(host.encode(), len(host)))
while rest[0] != "--":
    must(libc.mount(over.encode(), rest.pop(0).encode(), None, 0x1000, None))  # MS_BIND
os.setgroups([])
os.setresgid(gid, gid, gid)
os.setresuid(uid, uid, uid)
os.execv(rest[1], rest[1:])
"""

# Does what takes libc, ld.so and the program's own file: symbols looked up only now, memory, threads, names.
WORKER = """
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None)
here = os.uname().nodename
print("ready", flush=True)
while not os.path.exists(os.environ["VICTIM_GO"]):
    time.sleep(0.005)
sums = []
def work():
    sums.append(sum(len(bytes(n)) for n in range(0, 1 << 20, 4099)))
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
text = ctypes.create_string_buffer(100)
assert libc.snprintf(text, ctypes.c_size_t(100), b"%d of %s", 42, b"it") == 8 and text.value == b"42 of it"
assert len(set(sums)) == 1 and len(sums) == 4
assert time.strftime("%Y", time.gmtime(0)) == "1970"
print("host", here, os.uname().nodename, flush=True)
print("pass", flush=True)
"""


def libraries(pid):
    """The files of libc and its kin that a process has mapped, and its own."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    return sorted(set(re.findall(r"(/\S*/(?:libc|ld-linux-x86-64|libm|libpthread)[-.0-9]*\.so[.0-9]*)$", maps, re.M)))


def elsewhere(program, over, paths, host="far-away"):
    """What makes a command run where `over` stands in the place of each of some files."""
    script = program.folder / "elsewhere.py"
    script.write_text(ELSEWHERE)
    program_id = (str(program.identity.uid), str(program.identity.gid))
    return dict(prefix=(sys.executable, script, *program_id, host, over, *paths, "--"), user=0, group=0, extra_groups=[0])


def said(program):
    return program.text() + "".join(p.read_text() for p in program.folder.glob("restart.*.out"))


@pytest.mark.parametrize("kind", ["other", "empty"])
def test_other_libraries(program, kind):
    """Of libc, the loader, and the program's own file, not one byte is what it was; and the machine has another name."""
    if os.geteuid() != 0:
        pytest.skip("needs root to put other files in the place of libraries")
    # A copy: it is not what else runs here.
    python = program.folder / "interpreter"
    shutil.copy(os.path.realpath("/usr/bin/python3"), python)
    (program.folder / "worker.py").write_text(WORKER)
    program.start(python, program.folder / "worker.py")
    program.wait_for("ready")
    found = libraries(program.pid)
    assert len(found) >= 2, found
    program.checkpoint()
    program.kill()
    over = program.folder / "over"
    over.write_bytes(b"" if kind == "empty" else b"\x7fELF of some other build " * 100000)
    over.chmod(0o755)
    there = elsewhere(program, over, [*found, python])
    program.restart(**there)
    # Saved there, it goes on here again.
    program.checkpoint()
    program.kill()
    program.restart(**there)
    program.go("restarted")
    program.passes()
    assert f"host {os.uname().nodename} far-away\n" in said(program)


def test_thin_programs_are_whole_in_a_stream(program):
    """What goes to another machine needs no file of this one, whatever the program's own images are."""
    own = program.folder / "spins"
    shutil.copy(program.stage.victims / "process/spins", own)
    program.start(own, "1", env={"CKPT_THIN": "1"})
    program.wait_for("ready")
    for words in ([], ["--thin"]):
        with open(program.folder / f"stream{''.join(words)}", "wb") as out:
            assert program.spawn([program.stage.build / "ckpt", "save", program.pid, "-o", "-", *words], stdout=out).wait() == 0
    program.kill()
    own.unlink()
    with open(program.folder / "stream--thin") as stream:
        refused(program.run(program.stage.build / "restart", "-", stdin=stream), ["cannot open a file that the image needs", str(own)])
    with open(program.folder / "stream") as stream:
        program.restart(image="-", stdin=stream)
    program.go("restarted")
    program.passes()


@pytest.fixture
def spinning(program):
    program.start_victim("process/spins", "1")
    image = program.checkpoint()
    program.kill()
    program.go("restarted")
    return program, image


def another(program, data, name="another"):
    path = program.folder / name
    path.write_bytes(data)
    os.chown(path, program.identity.uid, program.identity.gid)
    return path


@pytest.mark.parametrize("how", ["file", "stream", "ckpt", "lazy"])
def test_lesser_processor(spinning, how):
    """An image of a processor that has more than this one: refused, with what this one lacks, and nothing runs."""
    program, image = spinning
    better = Image(image.read_bytes())
    demand_everything(better.data)
    path = another(program, better.seal())
    restart = program.stage.build / "restart"
    words = {"file": [restart, path], "stream": [restart, "-"], "lazy": [restart, "--lazy", path],
             "ckpt": [program.stage.build / "ckpt", "restart", path]}[how]
    with open(path) as stream:
        result = program.run(*words, stdin=stream)
    line = refused(result, ["feature that this one lacks: [a-z]", "hint: .*machine of the same kind"])
    assert result.returncode == 69
    assert line.split(": ")[-1] not in Path("/proc/cpuinfo").read_text().split(), line
    assert "pass" not in program.text() + result.stdout
    # The image itself is good: only a processor is wanting.
    assert program.ckpt("verify", path).returncode == 0
    program.restart()
    program.passes()


@pytest.mark.parametrize("how", ["file", "stream", "lazy"])
@pytest.mark.parametrize("layout", ["same", "other"])
def test_other_kernel(program, layout, how):
    """The vdso of another kernel, no function of which could be run here: its calls are served by this one's."""
    # It waits without a look at the clock: it is not stopped within the vdso.
    program.start_victim("memory/vdso_speed")
    image = program.checkpoint()
    program.kill()
    other = Image(image.read_bytes())
    assert other.replace_vdso() >= 5
    if layout == "other":
        other.remove_vvar()
    path = another(program, other.seal())
    with open(path) as stream:
        options = {"stdin": stream, "image": "-"} if how == "stream" else {"image": path}
        program.restart(*(["--lazy"] if how == "lazy" else []), **options)
    # It still has that vdso; it can be saved with it.
    program.checkpoint()
    program.kill()
    program.restart()
    program.go("restarted")
    program.passes()
