"""`make bench` in its smallest size: that it runs and says what it should, not how fast anything is."""

import os
import subprocess

import pytest

from harness import BUILD, REPOSITORY

TRIPLE = "x86_64-unknown-linux-gnu"


def swift(arguments, **environment):
    """Builds as the Makefile does, in its folders."""
    command = [os.environ.get("SWIFT", "swift"), "build", "--quiet", "-c", "release", *arguments]
    subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **environment}, check=True)


@pytest.fixture(scope="module")
def bench():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    swift(["--toolset", "toolsets/victim.json", "--scratch-path", ".build/victim", "--product", "ckpt-bench-victim"],
          CKPT_FREESTANDING="1")
    swift(["--static-swift-stdlib", "-Xswiftc", "-use-ld=lld", "-Xlinker", "-s", "--scratch-path", ".build/cli",
           "--product", "ckpt-bench"])
    build = REPOSITORY / ".build"
    return [build / "cli" / TRIPLE / "release" / "ckpt-bench", "--programs", BUILD,
            "--victim", build / "victim" / TRIPLE / "release" / "ckpt-bench-victim"]


def test_quick_run(bench, tmp_path):
    output = tmp_path / "out"
    run = subprocess.run([*bench, "--quick", "--sizes", "1M,2M", "--threads", "1,5", "--repetitions", "1",
                          "--output", output], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    figures = [line.split("\t") for line in (output / "bench.tsv").read_text().splitlines()[1:]]
    parts = {figure[0] for figure in figures}
    assert {"start", "rest", "idle", "save", "restart", "track", "threads"} <= parts
    assert all(float(figure[6]) == float(figure[6]) for figure in figures), "a figure is no number"
    text = (output / "bench.txt").read_text()
    assert "Goals" in text and text.split("\n", 1)[1] in run.stdout
    assert "bench.png" in run.stdout
    left = {entry.name for entry in output.iterdir()} - {"bench.txt", "bench.tsv", "bench.gnuplot", "bench.png"}
    assert not left, "files of the measurement are left over"


def test_refuses_wrong_options(bench):
    for words in (["--sizes", "0M"], ["--only", "nothing"], ["--threads", "x"], ["--sizes"], ["--fast", "1"]):
        run = subprocess.run([*bench, *words], capture_output=True, text=True)
        assert run.returncode == 1 and "usage: ckpt-bench" in run.stderr, words
