"""The image is an ELF core: the world's tools read it without our help, and our own show what it holds."""

import json
import re
import shutil

import pytest

from harness import refused


def need(tool):
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")


@pytest.fixture
def locks(program):
    """An image of a program with nine threads, each in a call that we know."""
    program.start_victim("threads/held_locks")
    return program, program.checkpoint("signal")


def test_gdb_shows_every_thread(locks):
    need("gdb")
    program, image = locks
    victim = program.stage.victims / "threads/held_locks"
    result = program.run("gdb", "-nx", "-batch", "-ex", "info threads", "-ex", "thread apply all bt", victim, image)
    threads = re.split(r"^Thread \d+ ", result.stdout, flags=re.MULTILINE)[1:]
    assert len(threads) == 9, result.stdout + result.stderr
    for function in ("pthread_mutex_lock", "pthread_cond_wait", "sem_wait", "rwlock_wrlock", "rwlock_rdlock", "pthread_barrier_wait",
                     "pthread_once", "victim_wait"):
        assert function in result.stdout, f"no thread is in {function}:\n{result.stdout}"
    for thread in threads:
        assert re.search(r"\b(wait_on|main) \(", thread), f"a thread without the victim's own function:\n{thread}"
        assert "Backtrace stopped" not in thread, thread
    # gdb 13 says .reg-xstate of every core on a CPU that packs its AVX-512 state closer than Intel's do.
    harmless = ("auto-load", "debuginfod", ".reg-xstate", ".debug_names")
    lines = [line for line in result.stderr.splitlines() if line.startswith("warning:") and not any(h in line for h in harmless)]
    assert not lines, lines


def test_gdb_shows_registers(program):
    need("gdb")
    program.start_victim("registers/general")
    image = program.checkpoint("signal")
    victim = program.stage.victims / "registers/general"
    result = program.run("gdb", "-nx", "-batch", "-ex", "thread apply all info registers r13 r14", victim, image)
    for i in (10, 11):
        value = (0x1111111111111111 * i ^ 0xFEDCBA9876543210) & (2**64 - 1)
        assert f"{value:#x}" in result.stdout, result.stdout


@pytest.mark.parametrize("command", [["readelf", "-aW"], ["eu-readelf", "-n"], ["eu-readelf", "-l"], ["objdump", "-p"]], ids=" ".join)
def test_binary_tools_have_nothing_to_say(locks, command):
    need(command[0])
    program, image = locks
    result = program.run(*command, image)
    assert result.returncode == 0 and not result.stderr.strip(), result.stderr
    assert "warning" not in result.stdout.lower() and "error" not in result.stdout.lower()
    if command[0] == "readelf":
        assert "CORE (Core file)" in result.stdout
        assert result.stdout.count("NT_PRSTATUS") == 9


def test_readckpt_text(locks):
    program, image = locks
    result = program.run(program.stage.build / "readckpt", image)
    assert result.returncode == 0, result.stderr
    for text in (str(program.pid), "held_locks", "wait_on", "pthread_mutex_lock", "[heap]", "[stack]"):
        assert text in result.stdout, f"'{text}' is missing:\n{result.stdout}"
    other = program.ckpt("inspect", image)
    assert other.returncode == 0 and other.stdout == result.stdout


def test_readckpt_json(locks):
    program, image = locks
    result = program.run(program.stage.build / "readckpt", "--json", image)
    assert result.returncode == 0, result.stderr
    data = json.loads(result.stdout)
    assert str(program.pid) in result.stdout
    assert len(data["threads"]) == 9
    for key in ("regions", "descriptors", "signals"):
        assert key in data, f"no {key}: {sorted(data)}"


def test_label(program):
    program.start_victim("process/spins")
    result = program.ckpt("save", str(program.pid), "--label", "before the upgrade", "-o", "other", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert any(str(value).endswith("other") for value in report.values()), report
    assert "before the upgrade" in program.run(program.stage.build / "readckpt", "other").stdout
    assert not (program.folder / "myckpt").exists()


def test_save_by_name_and_kill(program):
    program.start_victim("process/spins")
    result = program.ckpt("save", str(program.pid), "--kill")
    assert result.returncode == 0, result.stderr
    assert program.wait_front() == -9
    program.restart()
    program.go("restarted")
    program.passes()


def test_file_name_patterns(program):
    """%p, %n and %c in CKPT_FILE; the image is private to its owner; and no temporary file stays."""
    program.start_victim("process/spins", env={"CKPT_FILE": "image.%p.%n.%c"})
    before = {p.name for p in program.folder.iterdir()}
    names = []
    for _ in range(2):
        result = program.ckpt("save", str(program.pid))
        assert result.returncode == 0, result.stderr
        names.append({p.name for p in program.folder.iterdir()} - before)
        before |= names[-1]
    for new in names:
        assert len(new) == 1, f"the checkpoint left {new}"
        assert re.fullmatch(rf"image\.{program.pid}\.spins\.\d+", *new), new
        assert (program.folder / min(new)).stat().st_mode & 0o777 == 0o600
    assert names[0] != names[1]


def test_verify(program):
    program.start_victim("process/spins", "4")
    image = program.checkpoint()
    assert program.ckpt("verify", image).returncode == 0
    data = bytearray(image.read_bytes())
    data[len(data) // 2] ^= 1
    image.write_bytes(data)
    result = program.ckpt("verify", image)
    assert result.returncode == 65
    refused(result)


def test_agent_shows_nothing_but_its_own(stage):
    """libckpt.so needs no library and exports only ckpt_*."""
    import subprocess
    need("readelf")
    dynamic = subprocess.run(["readelf", "-dW", stage.build / "libckpt.so"], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" not in dynamic
    symbols = subprocess.run(["nm", "-D", "--defined-only", stage.build / "libckpt.so"], capture_output=True, text=True, check=True).stdout
    assert all(line.split()[-1].startswith("ckpt_") for line in symbols.splitlines()), symbols
