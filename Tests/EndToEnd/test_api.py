"""Programs that save themselves: the C API, linked by the static stub or directly, from every kind of moment."""

import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from harness import DEADLINE, REPOSITORY, until

CC = "gcc"


def ends(program, lines=()):
    program.wait_front()
    program.passes()
    for line in lines:
        assert re.search(line, program.text(), re.M), f"'{line}' was not said\n{program.said()}"


def restart_and_pass(program, image="myckpt"):
    program.kill()
    program.restart(image=image)
    program.passes()


# In the program

@pytest.mark.parametrize("how", ("clone", "in place", "all signals blocked"))
def test_a_call_returns_like_fork(program, how):
    """Once as saved, once as restarted, with the hooks in their order around it."""
    program.environment.update({"clone": {}, "in place": {"CKPT_SYNC": "1"}, "all signals blocked": {"VICTIM_BLOCKS": "1"}}[how])
    program.start_victim("api/fork_like")
    restart_and_pass(program)


def test_fresh_process_ids(program):
    program.start_victim("api/fork_like")
    program.kill()
    program.restart("--fresh-pids")
    program.passes()


def test_every_error_is_a_sentence(program):
    """Bad paths and options, hooks, handlers, deferrals, forks: an errno and a sentence, never a hang."""
    program.environment.update(CKPT_TIMEOUT="1")
    program.start_victim("api/errors")
    ends(program, [r"/nowhere/x can.t be made \(ENOENT\); make its folder first", r"options\.size", r"ckpt_allow"])
    assert "ckpt:" not in program.err.read_text(), "the program has its error; standard error is not for it"


def test_policies(program):
    program.start_victim("api/policies")
    restart_and_pass(program)


def test_a_call_may_end_the_process(program):
    """With the status asked for; what was not yet written to standard output comes once, in the restarted process."""
    program.start(program.stage.victims / "api/exits")
    assert program.wait_front() == 3
    assert program.text() == ""
    shown = program.ckpt("inspect", "myckpt")
    assert "the end of the first half" in shown.stdout
    program.restart()
    program.wait_front()
    said = program.text() + "".join(p.read_text() for p in program.folder.glob("restart.*.out"))
    assert said == "buffered once\npass\n"


@pytest.mark.parametrize("how", ("full", "incremental", "precopy", "in place"))
def test_excluded_memory_comes_back_zeroed(program, how):
    program.environment.update({"precopy": {"CKPT_PRECOPY": "1"}, "in place": {"CKPT_SYNC": "1"}}.get(how, {}))
    program.start_victim("api/exclusion", how)
    image = "myckpt"
    restart_and_pass(program, image)


def test_excluded_memory_is_not_in_the_file(program):
    program.start_victim("api/exclusion")
    size = os.stat(program.folder / "myckpt").st_size
    assert size < (8 << 20) - 2 * (1 << 20) + (4 << 20), f"{size} bytes, though 3 MiB are excluded"


# From outside

@pytest.mark.parametrize("how", ("command", "output", "signal", "tick"))
def test_a_deferral_puts_off_whoever_asks(program, how):
    """`ckpt save`, with and without -o, a plain signal, the agent's timer: all wait for ckpt_allow, which makes the checkpoint."""
    if how == "tick":
        program.environment.update(CKPT_INTERVAL="100ms", CKPT_FILE="myckpt")
    program.start(program.stage.victims / "api/deferral")
    program.wait_for("deferred")
    saver = None
    if how == "signal":
        os.kill(program.pid, 12)
    elif how in ("command", "output"):
        options = ["-o", "elsewhere"] if how == "output" else []
        saver = program.spawn([program.stage.build / "ckpt", "save", program.pid, *options], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    # It was asked for when the agent says that it waits: by then nothing may have happened.
    if saver:
        assert "puts off checkpoints" in saver.stderr.readline().decode()
    else:
        until(lambda: was_taken(program), "the signal is taken")
    assert program.image_stamp("myckpt") is None and program.image_stamp("elsewhere") is None
    program.go("on")
    program.wait_for("allowed: 1")
    image = "elsewhere" if how == "output" else "myckpt"
    if saver:
        out, err = saver.communicate(timeout=DEADLINE)
        assert saver.returncode == 0, err
    assert program.image_stamp(image)
    program.wait_front()
    program.passes()
    (program.folder / "go").unlink()
    program.restart(image=image)
    program.wait_front()
    program.passes()


def was_taken(program):
    """Whether a signal, or the timer's, has been and gone: no signal is pending, and the program ran in the kernel often."""
    status = Path(f"/proc/{program.pid}/status").read_text()
    pending = re.findall(r"^(?:Shd|Sig)Pnd:\s*(\w+)", status, re.M)
    program.looks = getattr(program, "looks", 0) + 1
    return program.looks > 60 and all(int(mask, 16) == 0 for mask in pending)


def test_ckpt_save_gives_up_with_a_sentence(program):
    program.start(program.stage.victims / "api/deferral")
    program.wait_for("deferred")
    result = program.ckpt("save", str(program.pid), "--timeout", "1")
    assert result.returncode == 1
    assert "itself has put off checkpoints for 1 s (ckpt_defer)" in result.stderr
    program.go("on")
    program.wait_front()
    # Nobody waits any more: there is nothing to be done.
    assert "allowed: 0\npass" in program.text(), program.said()
    assert "no checkpoint" not in program.err.read_text()


@pytest.mark.parametrize("leader", ("main", "other"))
@pytest.mark.parametrize("fate", ("on", "restarted"))
def test_hooks_that_may_run_in_a_handler(program, leader, fate):
    program.start_victim("api/in_handler", *(["other"] if leader == "other" else []))
    program.checkpoint()
    if fate == "restarted":
        program.kill()
        program.restart()
    program.go(fate)
    program.passes()


# All at once

def race(program, commands):
    """`ckpt save` again and again while the program saves itself in eight threads and the timer comes too."""
    program.environment.update(CKPT_INTERVAL="20ms", CKPT_KEEP="2", CKPT_FILE="tick")
    program.start_victim("api/races")
    answers = []

    def save():
        while program.front.poll() is None:
            answers.append(program.ckpt("save", str(program.pid), "-o", "command.ckpt"))

    savers = [threading.Thread(target=save) for _ in range(commands)]
    for saver in savers:
        saver.start()
    program.wait_front()
    for saver in savers:
        saver.join()
    program.passes()
    for answer in answers:
        ended = re.search("ESRCH|ECONNRESET|no process|ended meanwhile|runs without|zombie", answer.stderr)
        assert answer.returncode == 0 or ended, answer.stderr
    return answers


@pytest.mark.parametrize("run", range(int(os.environ.get("CKPT_RACES", "5"))))
def test_races(program, run):
    race(program, commands=1)
    images = sorted(p.name for p in program.folder.glob("*.ckpt"))
    # Ticks are left out while something else is being written: perhaps all of them.
    images += ["tick"] if program.image_stamp("tick") else []
    for image in images[run % 3::3]:
        program.restart(image=image)
        status = program.wait_front()
        assert status == 0, f"{image}: {status}\n{program.said()}"


# Linked or not

def test_without_the_agent_a_program_runs_unchanged(program):
    """Linked with the stub and started without the agent: every call says so, and nothing else happens."""
    program.start(program.stage.victims / "api/fork_like", agent=False)
    assert program.wait_front() == 1
    assert "ckpt_available() == 1" in program.text()


SMALL = """
#include <ckpt.h>
#include <stdio.h>
int main(void) {
  int now = ckpt_checkpoint("myckpt", NULL);
  printf("%d %d %s\\n", ckpt_available(), now, now < 0 ? ckpt_strerror(now) : "");
}
"""


@pytest.mark.parametrize("how", ("stub", "stub static", "direct", "stub c++", "musl"))
def test_ways_to_link(program, how, tmp_path):
    compiler = {"stub c++": "g++", "musl": "musl-gcc"}.get(how, CC)
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is missing")
    stub = REPOSITORY / "Sources" / "CkptStub"
    source = tmp_path / ("small.cc" if compiler == "g++" else "small.c")
    source.write_text(SMALL)
    binary = program.folder / "small"
    libraries = [f"-L{program.stage.build}", "-lckpt", f"-Wl,-rpath,{program.stage.build}"]
    if how != "direct":
        archive = tmp_path / "stub.o"
        subprocess.run([CC, "-O2", "-fPIC", "-c", f"-I{stub}/include", stub / "stub.c", "-o", archive], check=True)
        libraries = [archive]
    static = ["-static"] if "static" in how else []
    subprocess.run([compiler, f"-I{stub}/include", source, "-o", binary, *libraries, *static], check=True)
    binary.chmod(0o755)
    program.start(binary, agent=False)
    program.wait_front()
    without = program.text()
    program.start(binary)
    program.wait_front()
    with_agent = program.text()
    assert without == ("1 1 \n" if how == "direct" else
                       "0 -38 no checkpoint: the agent is not in this process (ENOSYS); start it with `ckpt run` or LD_PRELOAD=libckpt.so\n")
    assert with_agent == (without if static else "1 1 \n")
