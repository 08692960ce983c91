"""Two machines on one kernel: network, mount, PID and UTS namespaces, and a real sshd in each of them.

Addresses, keys, accounts and configuration are the test's own; nothing of it is there outside the namespaces.
"""

import os
import shutil
import signal
import subprocess

import pytest

from harness.identity import USER
from harness.waiting import until

SSHD = "/usr/sbin/sshd"
PORT = 2222


def need():
    if os.geteuid() != 0:
        pytest.skip("needs root to make namespaces with a network between them")
    for program in (SSHD, "/usr/bin/ssh", "/usr/bin/nsenter"):
        if not os.path.exists(program):
            pytest.skip(f"{program} is not installed")
    if not shutil.which("ip"):
        pytest.skip("ip is not installed")


class Machine:
    def __init__(self, name, address, folder):
        self.name, self.address, self.folder = name, address, folder
        # It waits for the end of its input, and everything in the machine ends with it.
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", "echo up; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        if self.holder.stdout.readline() != b"up\n":
            self.holder.wait()
            pytest.skip("namespaces can't be made here")
        self.init = int(open(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read().split()[0])

    def enter(self):
        return ["nsenter", "--target", str(self.init), "--net", "--mount", "--uts", "--pid", "--"]

    def run(self, *command):
        subprocess.run([*self.enter(), *map(str, command)], check=True, stdout=subprocess.DEVNULL)

    def begin(self, key):
        """Accounts that may log in with the key, and sshd on the machine's address."""
        self.run("hostname", self.name)
        self.run("mount", "--make-rprivate", "/")
        self.run("mount", "-t", "tmpfs", "tmpfs", "/run")
        self.run("mkdir", "-m", "755", "/run/sshd")
        for name, change in (("passwd", lambda f: f[:6] + ["/bin/sh"]), ("shadow", lambda f: [f[0], "*"] + f[2:])):
            lines = [line.split(":") for line in open(f"/etc/{name}").read().splitlines()]
            mine = self.folder / f"{self.name}.{name}"
            mine.write_text("".join(":".join(change(f) if f[0] == USER else f) + "\n" for f in lines))
            self.run("mount", "--bind", mine, f"/etc/{name}")
        host_key = self.folder / f"{self.name}.key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host_key)], check=True)
        self.temporary = self.folder / f"{self.name}.tmp"
        self.temporary.mkdir()
        self.temporary.chmod(0o1777)
        config = self.folder / f"{self.name}.sshd"
        config.write_text(
            f"Port {PORT}\nListenAddress {self.address}\nHostKey {host_key}\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {key}.pub\nPermitRootLogin yes\nPasswordAuthentication no\n"
            f"KbdInteractiveAuthentication no\nMaxStartups 100\nSetEnv TMPDIR={self.temporary}\n")
        self.log = self.folder / f"{self.name}.sshd.log"
        self.server = subprocess.Popen([*self.enter(), SSHD, "-D", "-e", "-f", str(config)],
                                       stderr=open(self.log, "w"), start_new_session=True)
        until(lambda: "Server listening" in self.log.read_text() or self.server.poll() is not None, "sshd")
        assert self.server.poll() is None, self.log.read_text()

    def end(self):
        self.holder.stdin.close()
        os.killpg(self.holder.pid, signal.SIGKILL)
        self.holder.wait()

    def inside(self, pid):
        """The number that a process has in this machine, whatever namespaces it has in it."""
        numbers = next(line for line in open(f"/proc/{pid}/status") if line.startswith("NSpid:")).split()[1:]
        depth = len(next(line for line in open(f"/proc/{self.init}/status") if line.startswith("NSpid:")).split()) - 2
        return int(numbers[depth])

    def has(self, pid):
        """Whether a process of the outside is in this machine, by its network."""
        try:
            return os.readlink(f"/proc/{pid}/ns/net") == os.readlink(f"/proc/{self.init}/ns/net")
        except OSError:
            return False


class Pair:
    """Machines `here` and `there`, joined by a cable."""

    def __init__(self, folder):
        need()
        self.folder = folder
        self.key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self.machines = [Machine("here", "10.213.7.1", folder), Machine("there", "10.213.7.2", folder)]
        here, there = self.machines
        try:
            # By its number out here: only the network is entered.
            subprocess.run(["nsenter", "--target", str(here.init), "--net", "--", "ip", "link", "add", "cable", "type",
                            "veth", "peer", "name", "cable", "netns", str(there.init)], check=True)
        except subprocess.CalledProcessError:
            self.end()
            pytest.skip("no virtual network can be made here")
        for machine in self.machines:
            machine.run("ip", "address", "add", f"{machine.address}/24", "dev", "cable")
            machine.run("ip", "link", "set", "lo", "up")
            machine.run("ip", "link", "set", "cable", "up")
        for machine in self.machines:
            machine.begin(self.key)

    def ssh(self, identity):
        """The command with its options; the key is the identity's own file."""
        key = self.folder / f"key.{identity.name}"
        if not key.exists():
            shutil.copy(self.key, key)
            os.chown(key, identity.uid, identity.gid)
            key.chmod(0o600)
        return (f"ssh -F /dev/null -i {key} -p {PORT} -o BatchMode=yes -o StrictHostKeyChecking=no "
                "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR")

    def user(self, identity, machine):
        return f"{'root' if identity.is_root else USER}@{machine.address}"

    def other(self, machine):
        return self.machines[1 - self.machines.index(machine)]

    def where(self, pid):
        return next((m for m in self.machines if m.has(pid)), None)

    def end(self):
        for machine in self.machines:
            machine.end()
