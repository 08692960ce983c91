"""`ckpt migrate`: of two, exactly one runs."""

import os
import shutil
import signal
import subprocess

import pytest

from harness import DEADLINE, marked_processes, until
from harness.traveller import Traveller, left_behind, undecided


def test_back_and_forth(traveller):
    """Many journeys of one process that counts."""
    for _ in range(int(os.environ.get("CKPT_JOURNEYS", "10"))):
        traveller.goes()
    traveller.check()
    hosts = {line.split()[1] for line in traveller.lines()}
    assert hosts >= {"here", "there"} or os.environ.get("CKPT_JOURNEYS") == "0"


def test_redis(make_program, identity, pair):
    """A server with data: it has them over there, and listens there."""
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    program = make_program(identity)
    traveller = Traveller(program, pair)
    traveller.words = (b"redis-server", b"--port")
    port = "6401" if identity.is_root else "6402"
    traveller.start("redis-server", "--port", port, "--save", "", "--set-proc-title", "no", "--dir", program.folder)

    def ask(*words, text=None):
        return subprocess.run([*traveller.at.enter(), "redis-cli", "-p", port, *words], input=text, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.strip()

    until(lambda: ask("ping") == "PONG", f"redis\n{program.said()}")
    ask(text="".join(f"set key:{n} {'x' * 100}{n}\n" for n in range(5000)))
    digest = ask("debug", "digest")
    for count in range(4):
        ask("incr", "journeys")
        result = traveller.migrate()
        assert result.returncode == 0, result.stderr
        traveller.at = pair.other(traveller.at)
        assert traveller.pair.where(traveller.pid()) is traveller.at
        assert ask("get", "journeys") == str(count + 1)
        assert ask("dbsize") == "5001"
        assert ask("get", "key:4999") == "x" * 100 + "4999"
    ask("del", "journeys")
    assert ask("debug", "digest") == digest


def test_leaves_nothing_behind(traveller, pair):
    before = left_behind(pair.machines[1])
    traveller.goes()
    assert left_behind(pair.machines[1]) == before


def test_file_is_missing_there(traveller, pair):
    """What the other side lacks: it says what, and the program goes on here."""
    there = pair.machines[1]
    there.run("mount", "-t", "tmpfs", "tmpfs", traveller.program.folder)
    try:
        before = left_behind(there)
        traveller.stays(traveller.migrate(), "ENOENT", str(traveller.program.folder))
        assert left_behind(there) == before
    finally:
        there.run("umount", traveller.program.folder)
    traveller.goes()


def test_no_connection(traveller):
    traveller.stays(traveller.migrate(ssh="ssh -F /dev/null -o BatchMode=yes -p 1 -o ConnectTimeout=5"), "connection ended")


def test_no_such_command(traveller):
    traveller.stays(traveller.migrate(ssh="/no/such/ssh"), "can't be started.*ENOENT")


def test_login_refused(traveller):
    ssh = "ssh -F /dev/null -p 2222 -i /dev/null -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    traveller.stays(traveller.migrate(ssh=ssh), "Permission denied", "before anything was sent")


@pytest.mark.parametrize("how, where, phase", [
    ("word", "send", "before anything was sent"),
    ("down", "half of restart", "while the program restart was copied there"),
    ("word", "have", "while the program restart was copied there"),
    ("down", "restart", "while the image was sent"),
    ("down", "restart+half", "while the image was sent"),
    ("word", "ready", "while it was put in place there"),
])
def test_cut(traveller, relay, how, where, phase):
    """A link that is cut at any phase before the word leaves the program here, and none there."""
    size = (traveller.program.stage.build / "restart").stat().st_size
    where = {"half of restart": size // 2, "restart": size + 4096, "restart+half": size + (1 << 20)}.get(where, where)
    traveller.stays(traveller.migrate(ssh=relay(how, where)), "connection ended", phase, "goes on here")
    # What is cut can be done again.
    traveller.goes()
    traveller.check()


@pytest.mark.parametrize("where", ["before", "after"])
def test_undecided(traveller, relay, where):
    undecided(traveller, relay, where)


def test_command_killed_after_the_word(traveller, relay):
    """Whoever kills `ckpt` at the worst moment does not make two of it."""
    answered = traveller.program.folder / "answered"
    command = traveller.command(ssh=relay("hold", answered))
    process = traveller.program.spawn(command, user=0, group=0, extra_groups=[0],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(answered.exists, "the answer")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    states = {traveller.pair.where(pid).name: open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
              for pid in traveller.processes()}
    assert states.keys() == {"here", "there"} and states["here"] == "T"
    count = len(traveller.lines())
    until(lambda: len(traveller.lines()) > count + 10, "numbers of the one there")
    traveller.check()


def test_stalled_receiver(traveller, relay):
    """A link on which nothing moves any more."""
    size = (traveller.program.stage.build / "restart").stat().st_size
    result = traveller.migrate("--idle-timeout", "2s", ssh=relay("stall", size + (1 << 20)))
    traveller.stays(result, r"nothing moved for 2 s", "while the image was sent")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(traveller, relay, number):
    size = (traveller.program.stage.build / "restart").stat().st_size
    process = traveller.program.spawn(traveller.command(ssh=relay("stall", size + (1 << 20))), user=0, group=0,
                                      extra_groups=[0], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    # Part of the image is on its way: the program stands still until the rest has arrived.
    until((traveller.program.folder / "relay.py.stalled").exists, "the link to stall")
    for pid in marked_processes(traveller.program.folder):
        if open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")[0].endswith(b"/ckpt"):
            os.kill(pid, number)
    assert process.wait(DEADLINE) == 1
    assert "interrupted by" in process.stderr.read().decode()
    traveller.still_here()


def test_usage(program):
    for words in (["migrate"], ["migrate", "1"], ["migrate", "--ssh", "", "1", "x"], ["migrate", "1", "-x"],
                  ["migrate", "--fresh-pids", "--private-pids", "1", "x"]):
        assert program.ckpt(*words).returncode == 64


def test_no_such_process(program):
    result = program.ckpt("migrate", "999999", "nobody@nowhere")
    assert result.returncode == 1 and "no such process" in result.stderr
