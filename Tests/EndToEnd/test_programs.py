"""Real programs that nobody here wrote: their output over three checkpoint, kill -9, restart cycles equals the
output of an undisturbed run, byte for byte."""

import random
import shutil
import signal
import socket
import subprocess

import pytest

from harness import DEADLINE, VICTIMS, until

SOURCES = VICTIMS / "programs"


def corpus(path):
    """24 MB of words, the same every time."""
    generator = random.Random(7)
    words = ["".join(generator.choices("etaoinshrdlu", k=generator.randint(2, 9))) for _ in range(20000)]
    with open(path, "w") as file:
        for _ in range(200):
            file.write(" ".join(generator.choices(words, k=20000)) + "\n")


class Case:
    def __init__(self, name, argv, need=None, stdin=None, prepare=None, env=None, files=(), kill=False, number=signal.SIGUSR2):
        self.name, self.argv, self.need, self.stdin, self.prepare = name, argv, need, stdin, prepare
        self.env, self.files = env or {}, files
        self.number = number    # the signal for a checkpoint
        self.kill = kill    # the checkpoint ends the program: for those that change files in place

    def __str__(self):
        return self.name


def make_corpus(folder):
    corpus(folder / "corpus")


def make_sql(folder):
    with open(folder / "tables.sql", "w") as file:
        subprocess.run(["/usr/bin/python3", SOURCES / "tables.py"], stdout=file, check=True)


CASES = [
    Case("python", ["/usr/bin/python3", SOURCES / "matrices.py"], need="/usr/bin/python3",
         env={"PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "2"}, files=["matrices.py"]),
    Case("sqlite3", ["sqlite3", "numbers.db"], need="sqlite3", stdin="tables.sql", prepare=make_sql, kill=True),
    Case("xz", ["xz", "-T2", "-4", "--block-size=512KiB", "-c", "corpus"], need="xz", prepare=make_corpus),
    Case("perl", ["perl", SOURCES / "words.pl"], need="perl", files=["words.pl"]),
    Case("node", ["node", SOURCES / "primes.js"], need="node", files=["primes.js"]),
    # The Java machine uses SIGUSR2 itself.
    Case("java", ["java", "-Xmx64m", "Garbage.java"], need="java", files=["Garbage.java"],
         env={"CKPT_SIGNAL": "USR1"}, number=signal.SIGUSR1),
    Case("openmp", ["{victims}/programs/openmp"], env={"OMP_NUM_THREADS": "4"}),
    Case("threads", ["{victims}/programs/compute"]),
    Case("musl", ["{victims}/programs/compute.musl"]),
    Case("swift", ["{victims}/programs/tasks"]),
]


def launch(program, case, agent):
    for name in case.files:
        shutil.copy(SOURCES / name, program.folder / name)
        (program.folder / name).chmod(0o644)
    argv = [program.folder / a.name if hasattr(a, "name") else a.format(victims=program.stage.victims) for a in case.argv]
    if case.need and not shutil.which(case.need):
        pytest.skip(f"{case.need} is not installed")
    if not case.need and not shutil.which(argv[0]):
        pytest.skip(f"{argv[0]} was not built: its compiler is missing")
    if case.prepare:
        case.prepare(program.folder)
    stdin = open(program.folder / case.stdin) if case.stdin else subprocess.DEVNULL
    try:
        program.start(*argv, env=case.env, agent=agent, stdin=stdin)
    finally:
        if case.stdin:
            stdin.close()


@pytest.fixture(scope="module")
def undisturbed():
    """What each program prints when nothing happens to it; each is run once."""
    known = {}

    def output(case, make_program, identity):
        if case.name not in known:
            program = make_program(identity)
            launch(program, case, agent=False)
            assert program.wait_front(120) == 0, program.said()
            known[case.name] = program.out.read_bytes()
        return known[case.name]

    return output


@pytest.mark.parametrize("case", CASES, ids=str)
def test_output_is_the_same(make_program, identity, undisturbed, case):
    expected = undisturbed(case, make_program, identity)
    program = make_program(identity)
    launch(program, case, agent=True)
    for cycle in (1, 2, 3):
        # In the middle: a sixth, two and three sixths of the output are there.
        goal = len(expected) * cycle // 6
        until(lambda: program.out.stat().st_size >= goal or not program.alive(), f"{goal} bytes of output\n{program.said()}")
        if case.kill:
            program.checkpoint("command", options=["--kill"])
            program.wait_front()
        elif cycle % 2:
            # However long the image takes to be safe: the program has not come to its end meanwhile.
            program.checkpoint("command", options=["--freeze"])
            program.kill()
        else:
            program.checkpoint("signal", number=case.number)
            program.kill()
        assert program.out.stat().st_size < len(expected), "the program was too fast for the test"
        program.restart()
    assert program.wait_front(120) == 0, program.said()
    result = program.out.read_bytes()
    if result != expected:
        at = next((i for i, (a, b) in enumerate(zip(result, expected)) if a != b), min(len(result), len(expected)))
        pytest.fail(f"output differs at byte {at} of {len(expected)} (got {len(result)}): "
                    f"{result[at:at + 80]!r} instead of {expected[at:at + 80]!r}")


# redis-server under load

class Redis:
    """Just enough of the protocol to set and get."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.file = self.socket.makefile("rb")

    def send(self, *words):
        parts = [f"*{len(words)}\r\n".encode()]
        for word in map(str, words):
            parts.append(f"${len(word)}\r\n{word}\r\n".encode())
        return b"".join(parts)

    def answer(self):
        line = self.file.readline()
        if not line:
            raise ConnectionResetError
        if line[:1] == b"$":
            size = int(line[1:])
            return None if size < 0 else self.file.read(size + 2)[:-2].decode()
        if line[:1] == b"*":
            return [self.answer() for _ in range(int(line[1:]))]
        return line[1:-2].decode()

    def ask(self, *words):
        self.socket.sendall(self.send(*words))
        return self.answer()

    def ask_all(self, commands):
        self.socket.sendall(b"".join(self.send(*c) for c in commands))
        return [self.answer() for _ in commands]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_redis_under_load(make_program, identity):
    """Checkpointed while clients write, killed, restarted: every key written before the checkpoint is there."""
    for tool in ("redis-server", "redis-benchmark"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    program = make_program(identity)
    port = free_port()
    program.start("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", program.folder)

    def connected():
        try:
            return Redis(port)
        except OSError:
            assert program.alive()

    client = until(connected, f"redis-server on port {port}\n{program.said()}")
    written = {}
    for cycle in range(3):
        keys = {f"key:{cycle}:{i}": f"value {cycle} {i * 7919 % 1000}" for i in range(3000)}
        assert set(client.ask_all([("SET", k, v) for k, v in keys.items()])) == {"OK"}
        written.update(keys)
        load = program.spawn(["redis-benchmark", "-p", str(port), "-c", "20", "-P", "8", "-t", "set,lpush,incr", "-r", "20000", "-n", "100000000", "-q"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        start = int(client.ask("INFO", "stats").split("total_commands_processed:")[1].split()[0])
        until(lambda: int(client.ask("INFO", "stats").split("total_commands_processed:")[1].split()[0]) > start + 20000, "load on the server")
        program.checkpoint("signal" if cycle == 1 else "command")
        program.kill()
        load.kill()
        load.wait()
        program.restart()
        with pytest.raises(OSError):
            client.ask("PING")
        client = until(connected, f"redis-server on port {port} again\n{program.said()}")
        assert client.ask_all([("GET", k) for k in written]) == list(written.values())
        # The old clients are closed as soon as the server looks at them.
        until(lambda: client.ask("CLIENT", "LIST").count("\n") <= 1, "the old clients to be gone")
    client.socket.sendall(client.send("SHUTDOWN", "NOSAVE"))
    assert program.wait_front() == 0, program.said()
