"""System calls of the real programs that are made to fail, one at a time, by strace.

A first run under strace lists the calls; each of them is one case for each error that it is tried with. What a case
may end in is said by `Restarts.judge` and `Saves.judge`; all else is a fault.
"""

import collections
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass

import harness

# They can't fail, or who would do so is not there yet or any more. close(2) frees the number whatever it answers, and
# strace does not make the call.
NEVER = {"execve", "exit", "exit_group", "rt_sigreturn", "restart_syscall", "vfork", "arch_prctl", "close", "rt_sigprocmask",
         "getpid", "gettid", "getppid", "getpgrp", "getuid", "geteuid", "getgid", "getegid", "clock_gettime", "umask", "sched_yield"}
# The agent's word that the program runs: what comes behind it is the program's own.
RUNS = r'write\(\d+, "\\0\\0\\0\\0", 4\)'
INTERRUPTIBLE = {"read", "pread64", "write", "pwrite64", "poll", "open", "openat", "futex", "waitid", "wait4", "recvmsg", "sendto",
                 "connect", "accept4", "rt_sigtimedwait", "fsync", "clone3", "fallocate"}
MEMORY = {"mmap", "mremap", "mprotect", "munmap", "madvise", "brk", "clone", "clone3", "fork", "mlock2"}
DESCRIPTORS = {"open", "openat", "dup", "dup2", "dup3", "fcntl", "pipe2", "socket", "memfd_create", "eventfd2", "epoll_create1"}


@dataclass(frozen=True)
class Case:
    call: str
    number: int
    error: str

    @property
    def options(self):
        return ("-e", f"trace={self.call}", "-e", f"inject={self.call}:error={self.error}:when={self.number}")

    def __str__(self):
        return f"{self.call} no. {self.number}: {self.error}"


def errors_of(call):
    if call in MEMORY:
        first = "ENOMEM"
    elif call in DESCRIPTORS:
        first = "EMFILE"
    else:
        first = "EIO"
    return (first, "EINTR") if call in INTERRUPTIBLE else (first,)


def calls_in(log, after=None, until=None):
    """How often each call is made, up to `until`, by the process that makes it most; with `after`, those that one had made before."""
    counts, before = collections.defaultdict(collections.Counter), {}
    for line in open(log, errors="replace"):
        match = re.match(r"(\d+) +(?:[\d.]+ +)?(\w+)\(", line)
        if not match:
            continue
        pid, call = match.groups()
        if after and after in line and not before:
            before = dict(counts[pid])
        counts[pid][call] += 1
        if until and re.search(until, line):
            break
    most = collections.Counter()
    for counter in counts.values():
        most |= counter
    return most, before


def cases_of(most, before):
    return [Case(call, number, error) for call in sorted(most) if call not in NEVER
            for number in range(before.get(call, 0) + 1, most[call] + 1) for error in errors_of(call)]


class Run:
    """A folder with the victim's files, and what is common to cases of both kinds."""

    def __init__(self, program):
        self.program = program
        self.folder = program.folder
        self.identity = program.identity
        self.counts = collections.Counter()
        self.faults = []
        (self.folder / "data").write_bytes(b"0123456789")
        self.set_flag(0)
        for name in ("data", "flag"):
            os.chown(self.folder / name, self.identity.uid, self.identity.gid)
        self.image = self.folder / "image"

    def set_flag(self, value):
        with open(self.folder / "flag", "r+b" if (self.folder / "flag").exists() else "wb") as file:
            file.write(bytes([value]) + bytes(4095))

    def start(self):
        self.set_flag(0)
        self.program.start_victim("faults/state")

    def digest(self):
        return hashlib.sha256(self.image.read_bytes()).hexdigest()

    def names(self):
        return {p.name for p in self.folder.iterdir() if not p.name.startswith(("log", "say"))}

    def run(self, argv, say, limit):
        """Runs a command to its end; the status is None when it did not come in time."""
        with open(self.folder / f"say.{say}", "wb") as file:
            process = self.program.spawn(argv, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
            try:
                status = process.wait(limit)
            except subprocess.TimeoutExpired:
                status = None
        return status, (self.folder / f"say.{say}").read_text(errors="replace")

    def left(self):
        """Processes that are still there; they get a moment to go."""
        end = time.monotonic() + 5
        while True:
            found = [pid for pid in harness.marked_processes(self.folder)]
            if not found or time.monotonic() > end:
                return found
            time.sleep(0.02)

    def fault(self, case, what, text=""):
        self.counts["faults"] += 1
        self.faults.append(f"{case}: {what} {text.strip()[-300:]!r}")

    def clear(self):
        """Ends whatever is left, and waits until it is gone."""
        self.program.end()
        self.program.started.clear()


class Restarts(Run):
    """Restarts of one image, the victim's check behind each."""

    def __init__(self, program, options=()):
        super().__init__(program)
        self.options = options
        self.start()
        program.ckpt("save", str(program.pid), "-q", "-o", "image")
        program.kill()
        self.set_flag(1)
        self.before = self.names()
        self.sum = self.digest()

    def command(self, *strace):
        return ["strace", "-f", "-qq", "-o", "log", *strace, self.program.stage.build / "restart", *self.options, "image"]

    def restart(self, say, limit, strace=()):
        """The program writes to its own file, where it was when it was saved."""
        self.program.out.write_text("ready\n")
        self.program.err.write_text("")
        status, text = self.run(self.command(*strace), say, limit)
        return status, text, self.program.text()

    def cases(self):
        status, text, said = self.restart("list", 120)
        assert status == 0 and "pass\n" in said, (status, text, said)
        return cases_of(*calls_in(self.folder / "log", until=RUNS))

    def judge(self, case, limit=30):
        status, text, said = self.restart("case", limit, case.options)
        if "(INJECTED)" not in (self.folder / "log").read_text(errors="replace"):
            self.counts["not met"] += 1
        elif status is None:
            self.fault(case, "it hangs", text)
        elif status == 99:
            # The victim's own write failed: it says so by this status, since it can't write.
            self.counts["met the program"] += 1
        elif status == 0 and said.endswith("pass\n"):
            self.counts["came back"] += 1
        elif status in (0, 42) and "but not as it was" in self.program.err.read_text(errors="replace"):
            self.counts["came back less, in words"] += 1
        elif status in harness.REFUSALS and "restart: " in text and said == "ready\n":
            self.counts["refused"] += 1
        else:
            self.fault(case, f"it ended with {status}", text + said)
        if status is not None and self.left():
            self.fault(case, "processes are left")
        self.clear()
        if self.names() != self.before or self.digest() != self.sum:
            self.fault(case, f"files are left or changed: {self.names() ^ self.before}")
            for name in self.names() - self.before:
                (self.folder / name).unlink()


class Saves(Run):
    """Saves of one victim after the other; strace holds the program, or it runs the command."""

    def __init__(self, program, options=(), traces_command=False):
        super().__init__(program)
        self.options = options
        self.traces_command = traces_command

    def save(self, *strace, say):
        pid = self.program.pid
        command = [self.program.stage.build / "ckpt", "save", str(pid), "-q", "-o", "image", "--timeout", "15", *self.options]
        if self.traces_command:
            return self.run(["strace", "-f", "-qq", "-o", "log", *strace, *command], say, 40)
        with open(self.folder / "say.strace", "wb") as file:
            tracer = subprocess.Popen(["strace", "-f", "-o", self.folder / "log", *strace, "-p", str(pid)], stderr=file, stdout=file)
        try:
            harness.until(lambda: (self.folder / "say.strace").read_text().count("attached") >= 1 or tracer.poll() is not None, "strace")
            return self.run(command, say, 40)
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(harness.DEADLINE)

    def cases(self):
        self.start()
        status, text = self.save(say="list")
        assert status == 0, text
        marker = f'"/proc/{self.program.pid}/' if self.traces_command else None
        cases = cases_of(*calls_in(self.folder / "log", marker))
        self.clear()
        # The program's own waiting.
        return [case for case in cases if case.call != "clock_nanosleep"]

    def judge(self, case):
        self.program.out.unlink(missing_ok=True)
        self.start()
        before = self.digest()
        status, text = self.save(*case.options, say="case")
        met = "(INJECTED)" in (self.folder / "log").read_text(errors="replace")
        if status is None:
            self.fault(case, "ckpt save hangs", text)
        elif status != 0 and (status not in harness.REFUSALS or "rror: " not in text):
            self.fault(case, f"ckpt save ended with {status}", text)
        elif status != 0 and self.digest() != before:
            self.fault(case, "it was refused, and the image before it is changed")
        elif not met:
            self.counts["not met"] += 1
        else:
            self.counts["saved" if status == 0 else "refused"] += 1
        self.goes_on(case)
        self.clear()
        left = {name for name in self.names() if name.startswith(".")}
        if left:
            self.fault(case, f"files are left: {left}")
            for name in left:
                (self.folder / name).unlink()

    def goes_on(self, case):
        """The program is as it was: it can be saved, and finds nothing wrong."""
        if self.program.front.poll() is not None:
            return self.fault(case, f"the program ended with {self.program.front.poll()}")
        status, text = self.run([self.program.stage.build / "ckpt", "save", str(self.program.pid), "-q", "-o", "image"], "next", 60)
        if status != 0:
            return self.fault(case, f"the next save ended with {status}", text)
        self.set_flag(1)
        try:
            status = self.program.front.wait(20)
        except subprocess.TimeoutExpired:
            status = None
        if status != 0:
            self.fault(case, f"the program ended with {status}", self.program.text())


def run_all(run, cases, share=1):
    """Judges every `share`-th case; gives the sentence about it."""
    if not shutil.which("strace"):
        harness.pytest.skip("strace is not installed")
    chosen = cases[::share]
    for case in chosen:
        run.judge(case)
    counts = ", ".join(f"{number} {what}" for what, number in sorted(run.counts.items()))
    return f"{len(chosen)} of {len(cases)} cases as {run.identity.name}: {counts}"
