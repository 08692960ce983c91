"""The blocking calls that Tests/Victims/blocking/eintr.c knows, and what it says about them."""

import re

from harness.stage import VICTIMS


def blocking_calls():
    """Names of the calls in eintr.c, with what each needs and whether it ends by a time-out."""
    source = (VICTIMS / "blocking" / "eintr.c").read_text()
    table = source.split("static const struct call calls[] = {")[1].split("};")[0]
    found = re.findall(r"(WAITS|WAITS_FOR_ROOM|ENDS|ENDS_AT|ENDS_COARSE|ENDS_FOR_ROOM)\((\w+), \"(\w+)\"", table)
    return [(name, needs, kind.startswith("ENDS")) for kind, name, needs in found]

CALLS = blocking_calls()

PLAIN = [name for name, needs, _ in CALLS if needs == "plain"]


def finish_eintr(program, fate):
    program.go(fate)
    program.wait_front(120)
    return program.text()


def verdict(text, name):
    lines = [line for line in text.splitlines() if re.match(rf"(ok|failed) {name}\b", line)]
    return lines[0] if lines else "no verdict"


def report(verdicts):
    """Fails with every call that went wrong; prints how late the late ones were."""
    drifts = {name: float(line.split()[-1]) for name, line in verdicts.items() if " drift " in line}
    late = {name: drift for name, drift in drifts.items() if drift > 0.3}
    if late:
        print("ended late by (s):", ", ".join(f"{name} {drift:.2f}" for name, drift in late.items()))
    wrong = [line if line != "no verdict" else f"{name}: {line}" for name, line in verdicts.items() if not line.startswith("ok")]
    assert not wrong, "\n".join(wrong)
