"""Snapshot executables: one that echoes, and how they are started and refused."""

import os

from harness.waiting import refused

# Reads lines and answers each on two streams and on a copy of one; says where it is and what it is given.
ECHO = """
import os, sys, struct
copy = os.dup(1)
log = os.open('log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.umask(0o027)
print('ready', flush=True)
while not os.path.exists(os.environ['VICTIM_GO']): os.system('sleep 0.01')

def arguments():
    # Not by touching it: what `restart` still has here (a lazy one) may go away meanwhile.
    memory = os.open('/proc/self/mem', os.O_RDONLY)
    for line in open('/proc/self/maps'):
        start, end = (int(word, 16) for word in line.split()[0].split('-'))
        if line.split()[1] != 'rw-p' or len(line.split()) > 5: continue
        try: block = os.pread(memory, min(end - start, 1 << 20), start)
        except OSError: continue
        argc, argv, envp, size = struct.unpack_from('<4Q', block)
        if argv != start + 32 or envp != argv + 8 * (argc + 1) or size != end - start: continue
        def strings(at):
            while word := struct.unpack_from('<Q', block, at - start)[0]:
                yield block[word - start:block.index(0, word - start)].decode()
                at += 8
        os.close(memory)
        return list(strings(argv)), list(strings(envp))

words, variables = arguments()
print('words', *words[1:], flush=True)
print('colour', *[v for v in variables if v.startswith('COLOUR=')], flush=True)
print('folder', os.getcwd(), flush=True)
os.close(os.open('made', os.O_WRONLY | os.O_CREAT, 0o666))
for line in sys.stdin:
    print('out', line.strip(), flush=True)
    print('err', line.strip(), file=sys.stderr, flush=True)
    os.write(copy, b'copy ' + line.encode())
    os.write(log, b'log ' + line.encode())
sys.exit(42)
"""


def start(program, executable, *arguments):
    """Starts an executable as the program under test."""
    program.restarts += 1
    out, err = (program.file(program.folder / f"restart.{program.restarts}.{kind}") for kind in ("out", "err"))
    program.front = program.spawn([executable, *arguments], stdout=out, stderr=err)
    os.close(out)
    os.close(err)


def descendants(pid):
    try:
        children = [int(word) for word in open(f"/proc/{pid}/task/{pid}/children").read().split()]
    except OSError:
        return []
    return children + [other for child in children for other in descendants(child)]


def is_victim(pid):
    """The program is back and nothing of `restart`, which lies below 2 MiB, is left in it."""
    try:
        lines = open(f"/proc/{pid}/maps").read().splitlines()
    except OSError:
        return False
    return any("/memfd:ckpt:" in line for line in lines) and int(lines[0].split("-")[0], 16) >= 0x200000


def refuse_executable(program, data, what):
    path = program.folder / "bad"
    path.write_bytes(data)
    path.chmod(0o755)
    result = program.run("./bad")
    assert "pass" not in result.stdout, f"{what}: the program ran"
    # A header that is wrong may be so for the kernel already.
    assert result.returncode == 65, f"{what}: {result.returncode} {result.stderr}"
    refused(result)
    for command in ("verify", "inspect"):
        status = program.ckpt(command, "bad").returncode
        assert status == 65 or command == "inspect" and status == 0, f"{what}: ckpt {command} ended with {status}"
    path.unlink()
