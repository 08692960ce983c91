"""Two restarts of one image are two: their random numbers differ (docs/CLONES.md)."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from harness import REPOSITORY, until

PYTHON = """
import ctypes, os, random, ssl, sys, time
sys.path.insert(0, {module!r})
if {reseeds}:
    import ckpt
    ckpt.restarted(random.seed)
ssl.RAND_bytes(8)
random.seed(7)
libc = ctypes.CDLL(None)
print("ready", flush=True)
if {calls}:
    ckpt.checkpoint("myckpt") if {reseeds} else libc.ckpt_checkpoint(b"myckpt", None)
while not os.path.exists("go"):
    time.sleep(0.005)
random_bytes = dict(openssl=ssl.RAND_bytes(8), again=ssl.RAND_bytes(8), urandom=os.urandom(8), python=random.randbytes(8))
if hasattr(libc, "arc4random"):
    libc.arc4random.restype = ctypes.c_uint
    random_bytes["arc4random"] = b"%08x%08x" % (libc.arc4random(), libc.arc4random())
with open(f"numbers.{{time.monotonic_ns()}}", "w") as file:
    print(*(f"{{name}}={{value.hex()}}" for name, value in random_bytes.items()), file=file)
"""


def numbers(program, restarts, *options):
    """What `restarts` restarts of the image drew, as dictionaries."""
    (program.folder / "go").write_text("")
    for _ in range(restarts):
        program.restart(*options)
        assert program.wait_front() == 0, program.said()
    found = [dict(word.split("=") for word in file.read_text().split()) for file in sorted(program.folder.glob("numbers.*"))]
    assert len(found) == restarts
    return found


# A hook of Python's runs for calls only.
@pytest.mark.parametrize("by, reseeds", (("command", False), ("signal", False), ("call", False), ("call", True), ("lazy", False)))
def test_random_numbers(program, by, reseeds):
    """Without any change to the program OpenSSL, arc4random and the kernel give other bytes; with a hook `random` too."""
    script = program.folder / "draw.py"
    script.write_text(PYTHON.format(module=str(program.folder), reseeds=reseeds, calls=by == "call"))
    shutil.copy(REPOSITORY / "python" / "ckpt.py", program.folder)
    (program.folder / "ckpt.py").chmod(0o644)
    program.start("/usr/bin/python3", script)
    program.wait_for("ready")
    if by == "call":
        until(lambda: program.image_stamp("myckpt") or not program.alive(), f"the image\n{program.said()}")
    else:
        program.checkpoint(how="signal" if by == "signal" else "command")
    program.kill()
    first, second, third = numbers(program, 3, *(["--lazy"] if by == "lazy" else []))
    assert first.keys() == second.keys() == third.keys() and "openssl" in first
    for name in first:
        drawn = {first[name], second[name], third[name]}
        repeats = name == "python" and not reseeds
        assert len(drawn) == (1 if repeats else 3), f"{name}: {drawn}"


def test_a_restart_of_a_restart(program):
    """Each restart is another fork: also of an image that a restarted process made."""
    script = program.folder / "draw.py"
    script.write_text(PYTHON.format(module=str(program.folder), reseeds=False, calls=False))
    program.start("/usr/bin/python3", script)
    program.wait_for("ready")
    program.checkpoint()
    program.kill()
    program.restart()
    program.checkpoint()
    program.kill()
    drawn = [entry["openssl"] for entry in numbers(program, 2)]
    assert len(set(drawn)) == 2


def test_each_example_runs(tmp_path):
    """`make -C examples/X run` for C, Python, Fortran and Swift: saved half-way, ended, restarted, the same sum."""
    for name, compiler in (("c", "gcc"), ("python", "/usr/bin/python3"), ("fortran", "gfortran"), ("swift", "swift")):
        if not shutil.which(compiler):
            continue
        result = subprocess.run(["make", "--no-print-directory", "-C", REPOSITORY / "examples" / name, "run"],
                                capture_output=True, text=True)
        assert result.returncode == 0, f"{name}: {result.stderr}"
        assert "after 1 restarts" in result.stdout, f"{name}: {result.stdout}"


def test_the_warm_start_answers_as_the_cold_one(tmp_path):
    """One executable with numpy and a model in it; `measure.py` compares every answer."""
    result = subprocess.run(["make", "--no-print-directory", "-C", REPOSITORY / "examples" / "warm-python", "run", "ROUNDS=1"],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert re.search(r"cold: .* \(of 1:", result.stdout) and re.search(r"warm: .* \(of 1:", result.stdout), result.stdout


def test_python_without_the_agent():
    """The module says so, and the program runs unchanged."""
    script = """
import ckpt, errno
assert not ckpt.available() and ckpt.restarts() == 0 and ckpt.restart_arguments() is None
try:
    ckpt.checkpoint("x")
except ckpt.CheckpointError as error:
    assert error.errno == errno.ENOSYS and "ckpt run" in error.strerror
else:
    raise SystemExit(1)
@ckpt.checkpointed("x", every=2)
def double(x): return 2 * x
assert double(4) == 8
with ckpt.deferred(): pass
ckpt.off(ckpt.on("before", print))
ckpt.exclude(bytearray(9999))
"""
    environment = dict(os.environ, PYTHONPATH=str(REPOSITORY / "python"))
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


def test_python_with_the_agent(program):
    """Policies, hooks, deferrals, exclusion and errors by way of ctypes."""
    shutil.copy(REPOSITORY / "python" / "ckpt.py", program.folder)
    (program.folder / "ckpt.py").chmod(0o644)
    script = program.folder / "calls.py"
    script.write_text("""
import ckpt, os
seen = []
ckpt.before(lambda: seen.append("before"))
number = ckpt.on("resumed", lambda: seen.append("resumed"))
assert ckpt.available()
policy = ckpt.Policy(every=2, keep=1, label="two")
assert [ckpt.checkpoint("series", policy) for _ in range(4)] == [ckpt.SKIPPED, ckpt.SAVED] * 2
assert policy.calls == 4 and policy.saves == 2 and os.path.islink("series")
assert seen == ["before", "resumed"] * 2, seen
ckpt.off(number)
assert ckpt.checkpoint("x", asynchronous=True) is ckpt.STARTED and ckpt.wait() is ckpt.SAVED
with ckpt.deferred():
    os.kill(os.getpid(), 12)
    assert not os.path.exists("myckpt")
assert os.path.exists("myckpt")
cache = bytearray(b"x" * 100000)
ckpt.exclude(cache)
try:
    ckpt.checkpoint("/nowhere/x")
except OSError as error:
    assert error.errno == 2 and "make its folder first" in str(error), error
else:
    raise SystemExit("no error")
if ckpt.checkpoint("again", exit=0) is ckpt.RESTARTED:
    assert ckpt.restarts() == 1 and cache.count(0) >= 90000 and len(cache) == 100000
    print("pass")
""")
    program.start("/usr/bin/python3", script)
    assert program.wait_front() == 0, program.said()
    program.restart(image="again")
    program.wait_front()
    program.passes()
