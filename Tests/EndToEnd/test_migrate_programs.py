"""`ckpt migrate` of programs of several kinds, to a machine that differs. What all have in common: test_migrate.py."""

import os
import shutil
from pathlib import Path

import pytest

from harness import until
from harness.traveller import PYTHON, Traveller

# Counts into a file of the folder it is told to go to, and says where that is.
COUNTER = """
import os, sys, time
os.chdir(sys.argv[1])
out = os.open("numbers", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
number = 0
while True:
    number += 1
    os.write(out, b"%d %s %s\\n" % (number, os.uname().nodename.encode(), os.getcwd().encode()))
    time.sleep(0.001)
"""

# Between `ckpt` and ssh: makes the image one of a processor that has more than any other.
BETTER = """
import os, subprocess, sys
import images
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, bufsize=0)
skip, head, seen = int(sys.argv[1]), bytearray(), False

def send(data):
    view = memoryview(data)
    while view: view = view[os.write(child.stdin.fileno(), view):]

try:
    while data := os.read(0, 65536):
        send(data[:skip])
        head, skip = head + data[skip:], max(0, skip - len(data))
        if not seen and len(head) > 4096 and images.MACHINE in images.tables(head):
            images.demand_everything(head)
            seen = True
        if seen:
            send(bytes(head))
            head = bytearray()
except BrokenPipeError:
    pass
child.stdin.close()
sys.exit(child.wait())
"""


def test_go(make_program, identity, pair):
    """A static Go program, which has no agent yet: goroutines, timers, garbage, HTTP over TCP and a Unix socket, all
    checked by itself, at each end of several journeys."""
    program = make_program(identity)
    server = program.stage.victims / "programs/server"
    if not server.exists():
        pytest.skip("server was not built: its compiler is missing")
    # A folder of each machine's own: its socket's name can be had there while the original still listens.
    folder = Path(f"/run/go.{identity.name}")
    for machine in pair.machines:
        machine.run("install", "-d", "-o", identity.uid, "-g", identity.gid, folder)
    program.environment["VICTIM_GO"] = str(folder / "go")
    traveller = Traveller(program, pair)
    traveller.words = (b"programs/server", b"")
    traveller.start(server)
    until(lambda: "ready\n" in program.text(), f"the server\n{program.said()}")
    for _ in range(4):
        result = traveller.migrate()
        assert result.returncode == 0, f"{result.stderr}\n{program.said()}"
        traveller.at = pair.other(traveller.at)
        assert pair.where(traveller.pid()) is traveller.at
    traveller.migrate()
    traveller.at = pair.other(traveller.at)
    traveller.at.run("touch", folder / "go")
    until(lambda: not traveller.processes(), f"the end of the server\n{program.said()}")
    assert program.text().splitlines() == ["ready", "pass"], program.said()


def test_paths_that_differ(make_program, identity, pair):
    """Its folder has another name over there, and what has the old name there is something else."""
    program = make_program(identity)
    data, elsewhere = program.folder / "data", f"/run/elsewhere.{identity.name}"
    data.mkdir()
    os.chown(data, identity.uid, identity.gid)
    here, there = pair.machines
    there.run("mkdir", "-p", elsewhere)
    there.run("mount", "--bind", data, elsewhere)
    there.run("mount", "-t", "tmpfs", "tmpfs", data)
    try:
        traveller = Traveller(program, pair)
        traveller.numbers = data / "numbers"
        traveller.start(PYTHON, "-c", COUNTER, data)
        traveller.moves_on()
        traveller.stays(traveller.migrate(), "ENOENT", f"{data}/numbers")
        traveller.stays(traveller.migrate("--map", f"{data}=/no/such/folder"), "/no/such/folder", "ENOENT")
        for _ in range(2):
            result = traveller.goes("--map", f"{data}={elsewhere}")
            assert "note:" not in result.stderr
            traveller.goes("--map", f"{elsewhere}={data}")
        traveller.check()
        places = {tuple(line.split()[1:]) for line in traveller.lines()}
        assert places == {("here", str(data)), ("there", elsewhere)}
    finally:
        program.end()
        there.run("umount", data)
        there.run("umount", elsewhere)


def test_socket_is_taken(make_program, identity, pair):
    """On a file system that both share the original has it still; in a folder of the other machine's own it can be had."""
    program = make_program(identity)
    shared, own = program.folder / "shared", f"/run/own.{identity.name}"
    shared.mkdir()
    os.chown(shared, identity.uid, identity.gid)
    traveller = Traveller(program, pair)
    listens = f"import socket; listener = socket.socket(socket.AF_UNIX); listener.bind('{shared}/socket'); listener.listen()"
    traveller.start(PYTHON, "-c", listens + COUNTER, program.folder)
    traveller.moves_on()
    traveller.stays(traveller.migrate(), "EADDRINUSE", "address of descriptor")
    pair.machines[1].run("install", "-d", "-o", identity.uid, "-g", identity.gid, own)
    traveller.goes("--map", f"{shared}={own}")
    traveller.check()


def test_lesser_processor_there(make_program, identity, pair):
    """What the other processor lacks is said, and the program goes on here."""
    program = make_program(identity)
    traveller = Traveller(program, pair).begin()
    shutil.copy(Path(__file__).parent / "harness/images.py", program.folder / "images.py")
    (program.folder / "better.py").write_text(BETTER)
    size = (program.stage.build / "restart").stat().st_size
    result = traveller.migrate(ssh=f"{PYTHON} {program.folder}/better.py {size} {pair.ssh(identity)}")
    traveller.stays(result, "feature that this one lacks: [a-z]", "goes on here")
    assert result.returncode == 69
    traveller.goes()
    traveller.check()
