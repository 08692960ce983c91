"""`restart` stands in front of the program: terminal, keys, signals, exit status, next checkpoint."""

import fcntl
import os
import pty
import re
import resource
import shutil
import signal
import struct
import termios
from pathlib import Path

import pytest

from harness import VICTIMS, until


class Terminal:
    """A pseudo-terminal and what appeared on it."""

    def __init__(self, identity):
        self.master, self.slave = pty.openpty()
        os.fchown(self.slave, identity.uid, identity.gid)
        os.set_blocking(self.master, False)
        self.text = ""

    def take_over(self):
        """In a new process: makes this its controlling terminal and its standard input, output and error."""
        os.login_tty(os.dup(self.slave))

    def read(self):
        try:
            self.text += os.read(self.master, 65536).decode(errors="replace")
        except (BlockingIOError, OSError):
            pass
        return self.text

    def type(self, text):
        os.write(self.master, text.encode())

    def expect(self, text, program):
        """Waits for `text`, and drops all that came up to it."""
        until(lambda: text in self.read(), f"'{text}' on the terminal, which shows: {self.text!r}\n{program.said()}")
        before, self.text = self.text.split(text, 1)
        return before

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def close(self):
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminals(identity):
    made = []

    def make():
        made.append(Terminal(identity))
        return made[-1]

    yield make
    for terminal in made:
        terminal.close()


def start_on(program, terminal):
    """The talking victim on a terminal, as the leader of a session there, as a shell would have it."""
    victim = program.stage.victims / "process/terminal"
    program.front = program.spawn([victim], env={"LD_PRELOAD": str(program.stage.build / "libckpt.so")},
                                  preexec_fn=terminal.take_over, start_new_session=False)
    program.pid = program.front.pid
    terminal.expect("ready", program)


def restart_on(program, terminal, *options):
    """restart on another terminal; returns when the program runs."""
    pidfile = program.folder / "pidfile"
    pidfile.unlink(missing_ok=True)
    program.front = program.spawn([program.stage.build / "restart", "--pidfile", pidfile, *options, "myckpt"],
                                  preexec_fn=terminal.take_over, start_new_session=False)

    def running():
        if pidfile.exists() and pidfile.read_text().strip():
            return int(pidfile.read_text())
        if program.front.poll() is not None:
            pytest.fail(f"restart ended with {program.front.returncode}: {terminal.read()}")

    program.pid = until(running, f"a pid in the pidfile: {terminal.text}")


@pytest.fixture
def talking(program, terminals):
    """A program that was started on one terminal and restarted on another, and that other terminal."""
    first, second = terminals(), terminals()
    start_on(program, first)
    program.checkpoint()
    program.kill()
    restart_on(program, second)
    second.type("say hello\n")
    second.expect("said hello", program)
    return program, second


def test_keys(talking):
    """Ctrl+C reaches the program; what is typed reaches it once; the exit status is its own."""
    program, terminal = talking
    terminal.type("\x03")
    terminal.expect("interrupted", program)
    terminal.type("group\n")
    terminal.expect("group foreground", program)
    terminal.type("exit 7\n")
    assert program.wait_front() == 7


def test_end_of_input(talking):
    program, terminal = talking
    terminal.type("\x04")
    terminal.expect("end of input", program)
    assert program.wait_front() == 0


def test_window_size(talking):
    """A resized terminal tells the program."""
    program, terminal = talking
    fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    terminal.expect("resized", program)


@pytest.mark.parametrize("size", [(24, 80), (41, 97)], ids=["same size", "another size"])
def test_full_screen_is_drawn_anew(program, terminals, size):
    """A program that draws only when the size has changed is there again without a key."""
    first, second = terminals(), terminals()
    for terminal, (rows, columns) in (first, (24, 80)), (second, size):
        fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    library = str(program.stage.build / "libckpt.so")
    script = VICTIMS / "programs/fullscreen.py"
    program.front = program.spawn(["/usr/bin/python3", script], env={"LD_PRELOAD": library, "TERM": "xterm"},
                                  preexec_fn=first.take_over, start_new_session=False)
    program.pid = program.front.pid
    first.expect("drawn 1 on 24x80", program)
    program.checkpoint()
    program.kill()
    restart_on(program, second)
    until(lambda: re.search(rf"drawn \d+ on {size[0]}x{size[1]}", second.read()),
          f"the program's screen on the terminal, which shows: {second.text!r}")
    second.type("q")
    assert program.wait_front() == 0


def test_ends_as_it_ended(talking):
    """A program that is killed by a signal makes restart end the same way."""
    program, terminal = talking
    terminal.type(f"raise {signal.SIGTERM.value}\n")
    assert program.wait_front() in (-signal.SIGTERM, 128 + signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_to_restart_reach_the_program(talking, number):
    program, _ = talking
    os.kill(program.front.pid, number)
    assert program.wait_front() in (-number, 128 + number)


def test_interrupt_to_restart(talking):
    program, terminal = talking
    os.kill(program.front.pid, signal.SIGINT)
    terminal.expect("interrupted", program)
    terminal.type("exit 0\n")
    assert program.wait_front() == 0


def test_checkpoint_through_restart(talking, terminals):
    """kill -USR2 to restart makes the program's next checkpoint, and that one can be restarted too."""
    program, terminal = talking
    program.checkpoint("signal", target=program.front.pid)
    terminal.type("say still here\n")
    terminal.expect("said still here", program)
    program.kill()
    third = terminals()
    restart_on(program, third)
    third.type("exit 3\n")
    assert program.wait_front() == 3


def test_raw_mode(program, terminals):
    """The terminal's modes are the program's: raw before, raw on the new terminal."""
    first, second = terminals(), terminals()
    start_on(program, first)
    first.type("raw\n")
    first.expect("raw now", program)
    program.checkpoint()
    program.kill()
    assert not second.is_raw()
    restart_on(program, second)
    until(second.is_raw, "raw mode on the new terminal")
    second.type("modes\r")
    second.expect("modes raw", program)
    second.type("exit 0\r")
    assert program.wait_front() == 0


def test_checkpoint_leaves_input_alone(program, terminals):
    """What was typed before a checkpoint is read after it, once."""
    terminal = terminals()
    start_on(program, terminal)
    os.kill(program.pid, signal.SIGSTOP)
    terminal.type("say one\nsay two\n")
    os.kill(program.pid, signal.SIGCONT)
    program.checkpoint("signal")
    terminal.type("say three\n")
    terminal.expect("said three", program)
    terminal.type("say four\nexit 0\n")
    terminal.expect("said four", program)
    assert program.wait_front() == 0
    assert "said one" not in terminal.text


def test_stop_and_continue_in_a_shell(program, terminals):
    """Ctrl+Z gives the prompt back, fg goes on, and the shell sees the exit status."""
    if not shutil.which("bash"):
        pytest.skip("bash is not installed")
    first, second = terminals(), terminals()
    start_on(program, first)
    program.checkpoint()
    program.kill()
    program.front = program.spawn(["bash", "--norc", "--noprofile", "-i"], preexec_fn=second.take_over, start_new_session=False,
                                  env={"PS1": "prompt> ", "TERM": "dumb"})
    second.expect("prompt> ", program)
    second.type(f"{program.stage.build}/restart myckpt; echo status=$?\n")
    second.type("say first\n")
    second.expect("said first", program)
    second.type("\x1a")
    second.expect("Stopped", program)
    second.expect("prompt> ", program)
    second.type("fg\n")
    second.type("say again\n")
    second.expect("said again", program)
    second.type("\x03")
    second.expect("interrupted", program)
    second.type("exit 9\n")
    second.expect("prompt> ", program)
    second.type("echo status=$?\n")
    second.expect("status=9", program)


def test_input_from_a_pipe(program):
    """Standard input from a pipe: restart passes its own on."""
    victim = program.stage.victims / "process/terminal"
    read, write = os.pipe()
    program.start(victim, stdin=read)
    os.close(read)
    program.wait_for("ready")
    os.write(write, b"say one\n")
    program.wait_for("said one")
    program.checkpoint()
    program.kill()
    os.close(write)
    read, write = os.pipe()
    program.restart(stdin=read)
    os.close(read)
    os.write(write, b"say two\nexit 4\n")
    assert program.wait_front() == 4
    assert "said two" in program.said()


def test_detach(program):
    """--detach leaves the program running and comes back at once, with the pid in the file."""
    program.start_victim("threads/many", "8")
    program.checkpoint()
    program.kill()
    pidfile = program.folder / "pidfile"
    result = program.run(program.stage.build / "restart", "--detach", "--pidfile", pidfile, "myckpt")
    assert result.returncode == 0, result.stderr
    program.pid = int(pidfile.read_text())
    assert not program.gone(program.pid)
    assert "threads/many" in Path(f"/proc/{program.pid}/cmdline").read_text()
    program.go("restarted")
    until(lambda: program.gone(program.pid), "the program's end")
    assert program.text().endswith("pass\n"), program.said()


def test_ids(program):
    """The program's own PID is the old one; privileged, also as seen from here."""
    program.start_victim("process/spins")
    old = program.pid
    program.checkpoint()
    program.kill()
    program.restart()
    inside = re.search(r"^NSpid:\s*(.*)$", Path(f"/proc/{program.pid}/status").read_text(), re.MULTILINE).group(1).split()
    assert int(inside[-1]) == old
    if program.identity.is_root:
        assert program.pid == old and len(inside) == 1
    uid = os.stat(f"/proc/{program.pid}").st_uid
    assert uid == program.identity.uid
    program.go("restarted")
    program.passes()


def test_private_pids(make_program):
    """--private-pids: also root's program comes back in a namespace of its own, so that a taken id is no matter."""
    from harness import Identity
    program = make_program(Identity("root"))
    program.start_victim("process/spins")
    old = program.pid
    program.checkpoint("signal")
    # The first one still lives, and holds the id.
    first, program.front = program.front, None
    program.restart("--private-pids")
    assert program.pid != old
    program.go("restarted")
    program.passes()
    first.kill()


def test_taken_id(make_program):
    """In one namespace, an id that is taken is said so in one line; --fresh-pids goes on without."""
    from harness import Identity, refused
    program = make_program(Identity("root"))
    program.start_victim("process/spins")
    old = program.pid
    program.checkpoint("signal")
    first = program.front
    refused(program.run(program.stage.build / "restart", "myckpt"), [str(old)])
    assert first.poll() is None
    program.restart("--fresh-pids")
    assert program.pid != old
    os.kill(program.pid, 0)
    first.kill()
    first.wait()


def test_abort_after_restart_gives_a_core(program):
    """abort() in the restarted program ends it with SIGABRT and leaves an ordinary core of the program."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("|") or "/" in pattern:
        pytest.skip(f"cores go elsewhere here: {pattern}")
    victim = program.stage.victims / "process/terminal"
    unlimited = resource.RLIM_INFINITY
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != unlimited:
        pytest.skip("no cores allowed here")
    read, write = os.pipe()
    program.start(victim, stdin=read, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (unlimited, unlimited)))
    program.wait_for("ready")
    program.checkpoint()
    program.kill()
    program.restart(stdin=read)
    os.close(read)
    os.write(write, b"abort\n")
    os.close(write)
    assert program.wait_front() in (-signal.SIGABRT, 128 + signal.SIGABRT)
    cores = list(program.folder.glob("core*"))
    assert cores, "no core was left"
    if not shutil.which("gdb"):
        pytest.skip("gdb is not installed")
    result = program.run("gdb", "-nx", "-batch", "-ex", "bt", victim, cores[0])
    assert "abort" in result.stdout and "main" in result.stdout, result.stdout
