"""A victim that changes its memory in rounds, and the images taken of it."""

import json

from harness.waiting import until

ROUNDS = 5


class Series:
    """A victim of rounds, and the images taken of it."""

    def __init__(self, program, *arguments, **environment):
        self.program = program
        self.environment = {"CKPT_INCREMENTAL": "1", "CKPT_FILE": "image.%c", **environment}
        self.round, self.counter = 0, 0
        program.start(program.stage.victims / "incremental/ways", *arguments, env=self.environment)

    def said(self, line):
        texts = [self.program.text()] + [p.read_text() for p in sorted(self.program.folder.glob("restart.*.out"))]
        return any(line + "\n" in text for text in texts)

    def await_round(self):
        self.round += 1
        until(lambda: self.said(f"ready {self.round}") or not self.program.alive(), f"round {self.round}\n{self.program.said()}")

    def save(self, how="command", **more):
        self.counter += 1
        return self.program.checkpoint(how, image=f"image.{self.counter}", **more)

    def play(self):
        (self.program.folder / f"round.{self.round}").touch()

    def facts(self, counter=None):
        name = f"image.{counter or self.counter}"
        result = self.program.run(self.program.stage.build / "readckpt", "--json", name)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def finish(self):
        (self.program.folder / "end").touch()
        self.program.passes()


def restart_from(series, counter):
    series.program.kill()
    for file in series.program.folder.glob("round.*"):
        if int(file.suffix[1:]) >= counter:
            file.unlink()
    (series.program.folder / "restarted").touch()
    series.program.restart(image=f"image.{counter}")
