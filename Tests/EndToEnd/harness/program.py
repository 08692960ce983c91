"""One program under test."""

import os
import re
import shlex
import signal
import subprocess
import tempfile

import pytest

from harness.processes import marked_processes, remove_ipc_objects
from harness.waiting import DEADLINE, until


class Program:
    """One program under test, in its own folder, from its start to its end."""

    def __init__(self, stage, identity, folder):
        self.stage, self.identity, self.folder = stage, identity, folder
        self.commands = []      # what was run, as lines of shell
        self.started = []       # every Popen
        self.front = None       # the process to wait for: the program, later `restart`
        self.pid = None         # the program, as seen from here
        self.restarts = 0
        self.out, self.err = folder / "out", folder / "err"
        self.err.touch()
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "CKPT_E2E": str(folder),
            "VICTIM_GO": str(folder / "go"),
        }

    # Running things

    def replay(self):
        """Lines of shell that do again what the test did."""
        exports = " ".join(f"{k}={shlex.quote(v)}" for k, v in self.environment.items() if k != "PATH")
        return "\n".join([f"cd {self.folder}", f"export {exports}", *self.commands])

    def note(self, text):
        self.commands.append(text)

    def spawn(self, argv, env=None, stdin=subprocess.DEVNULL, stdout=None, stderr=None, shown="", **more):
        environment = dict(self.environment, **(env or {}))
        variables = "".join(f"{k}={shlex.quote(v)} " for k, v in (env or {}).items())
        self.note(f"{variables}{self.identity.shell_prefix()}{shlex.join(map(str, argv))} {shown}".rstrip())
        arguments = {"start_new_session": True, **self.identity.popen_arguments(), **more}
        process = subprocess.Popen([str(a) for a in argv], cwd=self.folder, env=environment, stdin=stdin,
                                   stdout=stdout, stderr=stderr, **arguments)
        self.started.append(process)
        return process

    def run(self, *argv, env=None, timeout=None, **more):
        """Runs a command to its end; the result has returncode, stdout and stderr as text."""
        # Files, not pipes: a program that goes on behind the command may hold their other ends.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self.spawn(argv, env=env, stdout=out, stderr=err, **more)

            def text(file):
                file.seek(0)
                return file.read().decode(errors="replace")

            try:
                process.wait(timeout or DEADLINE)
            except subprocess.TimeoutExpired:
                pytest.fail(f"{argv[0]} did not end in {timeout or DEADLINE} s; it said: {text(out)}{text(err)}")
            self.note(f"# -> {process.returncode} {text(err).strip()}")
            return subprocess.CompletedProcess(argv, process.returncode, text(out), text(err))

    def ckpt(self, *arguments, **more):
        return self.run(self.stage.build / "ckpt", *arguments, **more)

    def file(self, path, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
        descriptor = os.open(path, flags, 0o644)
        os.fchown(descriptor, self.identity.uid, self.identity.gid)
        return descriptor

    # The life of the program

    def start(self, *argv, env=None, aslr=True, agent=True, prefix=(), stdin=subprocess.DEVNULL, **more):
        """Starts the program under the agent, with its output in the file `out`."""
        environment = dict(env or {})
        if agent:
            environment["LD_PRELOAD"] = str(self.stage.build / "libckpt.so")
        if not aslr:
            prefix = (*prefix, "setarch", "x86_64", "-R")
        out, err = self.file(self.out), self.file(self.err)
        try:
            self.front = self.spawn([*prefix, *argv], env=environment, stdin=stdin, stdout=out, stderr=err,
                                    shown="> out 2> err &", **more)
        finally:
            os.close(out)
            os.close(err)
        self.pid = self.front.pid
        return self

    def start_victim(self, name, *arguments, **more):
        path = self.stage.victims / name
        if not path.exists():
            pytest.skip(f"{name} was not built: its compiler is missing")
        self.start(path, *arguments, **more)
        self.wait_for("ready")
        return self

    def text(self):
        return self.out.read_text(errors="replace")

    def said(self):
        """Everything that the program and those around it said: for messages of failed tests."""
        parts = []
        for file in sorted(self.folder.glob("*")):
            if file.name in ("out", "err") or file.name.startswith("restart."):
                text = re.sub(r"[^\n\t -~]", ".", file.read_bytes()[-1500:].decode("latin-1")).strip()
                if text:
                    parts.append(f"{file.name}: {text}")
        return "\n".join(parts) or "(nothing was said)"

    def skip_if_unable(self):
        if self.front.poll() == 77:
            pytest.skip(self.text().strip().splitlines()[-1].removeprefix("skip: "))

    def alive(self):
        # One look: it may end between two.
        ended = self.front.poll() is not None
        self.skip_if_unable()
        if ended:
            pytest.fail(f"the program ended early with {self.front.returncode}\n{self.said()}")
        return True

    def wait_for(self, line):
        until(lambda: line + "\n" in self.text() or not self.alive(), f"'{line}' of the program\n{self.said()}")

    def image_stamp(self, image):
        try:
            status = os.stat(self.folder / image)
            return status.st_ino, status.st_mtime_ns
        except FileNotFoundError:
            return None

    def checkpoint(self, how="command", image="myckpt", target=None, options=(), number=signal.SIGUSR2):
        """A checkpoint, safe on disk when this returns."""
        before = self.image_stamp(image)
        if how == "signal" or (not options and os.environ.get("CKPT_SAVE") == "signal"):
            self.note(f"kill -{number.name[3:]} {target or self.pid}")
            complaints = self.err.read_text(errors="replace").count("no checkpoint")
            os.kill(target or self.pid, number)

            def written():
                if self.err.read_text(errors="replace").count("no checkpoint") > complaints:
                    pytest.fail(f"the checkpoint was refused\n{self.said()}")
                return self.image_stamp(image) != before or not self.alive()

            until(written, f"a new {image}\n{self.said()}")
        else:
            result = self.ckpt("save", str(target or self.pid), *options)
            if result.returncode != 0:
                pytest.fail(f"ckpt save ended with {result.returncode}: {result.stderr}\n{self.said()}")
            assert self.image_stamp(image) != before, f"ckpt save succeeded, and there is no new {image}"
        return self.folder / image

    def attempt(self, *options):
        """A checkpoint that may be refused: None if it was made, else what was said about it."""
        if os.environ.get("CKPT_SAVE") == "signal" and not options:
            before, said = self.image_stamp("myckpt"), len(self.err.read_text())
            self.note(f"kill -USR2 {self.pid}")
            os.kill(self.pid, signal.SIGUSR2)
            until(lambda: self.image_stamp("myckpt") != before or "no checkpoint" in self.err.read_text()[said:], "an image or a refusal")
            return self.err.read_text()[said:].strip() or None
        result = self.ckpt("save", str(self.pid), *options)
        return result.stderr.strip() if result.returncode != 0 else None

    def gone(self, pid):
        return not os.path.exists(f"/proc/{pid}") or open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"

    def kill(self):
        """kill -9, and waits until nothing is left of the program."""
        self.note(f"kill -KILL {self.pid}")
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pytest.fail(f"the program had ended already, with {self.wait_front()}\n{self.said()}")
        self.wait_front()

    def wait_front(self, deadline=None):
        try:
            return self.front.wait(deadline or DEADLINE)
        except subprocess.TimeoutExpired:
            pytest.fail(f"waited {deadline or DEADLINE:.0f} s for the program's end\n{self.said()}")

    def restart(self, *options, image="myckpt", stdin=subprocess.DEVNULL, prefix=(), **more):
        """Restarts the program from its image; returns when it runs."""
        self.restarts += 1
        pidfile = self.folder / "pidfile"
        pidfile.unlink(missing_ok=True)
        out, err = (self.file(self.folder / f"restart.{self.restarts}.{kind}") for kind in ("out", "err"))
        # Every test can be run with images that come through a pipe, but for what a file alone can do.
        streams = os.environ.get("CKPT_RESTART") == "stream" and stdin == subprocess.DEVNULL
        if streams and not any("lazy" in str(option) for option in options):
            sender = self.spawn(["cat", image], stdout=subprocess.PIPE)
            stdin, image = sender.stdout, "-"
        try:
            self.front = self.spawn([*prefix, self.stage.build / "restart", "--pidfile", pidfile, *options, image],
                                    stdin=stdin, stdout=out, stderr=err,
                                    shown=f"> restart.{self.restarts}.out 2> restart.{self.restarts}.err &", **more)
        finally:
            os.close(out)
            os.close(err)

        def running():
            try:
                return int(pidfile.read_text())
            except (FileNotFoundError, ValueError):
                pass
            status = self.front.poll()
            if status is not None and not pidfile.exists():
                pytest.fail(f"restart ended with {status}\n{self.said()}")

        self.pid = until(running, f"a pid in the pidfile\n{self.said()}")
        return self

    def go(self, word):
        """Lets a victim go on to check itself: it "goes on", or was "restarted"."""
        self.note(f"echo {word} > {self.folder}/go")
        fresh = self.folder / "go.new"
        fresh.write_text(word)
        fresh.chmod(0o644)
        fresh.rename(self.folder / "go")

    def passes(self):
        """Waits for the victim's own verdict."""
        status = self.wait_front()
        self.skip_if_unable()
        if status != 0 or "pass\n" not in self.text() + "".join(
                p.read_text(errors="replace") for p in self.folder.glob("restart.*.out")):
            pytest.fail(f"the victim ended with {status}\n{self.said()}")

    def end(self):
        """Ends every process of this test, whichever namespace it is in."""
        for process in self.started:
            if process.poll() is None:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    process.kill()
        left = marked_processes(self.folder)
        while left:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            for process in self.started:
                process.poll()
            left = marked_processes(self.folder)
        for process in self.started:
            process.wait()
        remove_ipc_objects(self.folder)
