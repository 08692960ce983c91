"""Each system call of a save and of a restart fails once: see faults.py.

CKPT_FAULTS=all tries every case (`make faults`); else it is every so many-th.
"""

import os

import pytest

from faults import Restarts, Saves, run_all

SHARE = int(os.environ.get("CKPT_FAULTS_SHARE", "1")) if os.environ.get("CKPT_FAULTS") == "all" else 29


def conclude(run, record_property, cases):
    sentence = run_all(run, cases, SHARE)
    record_property("faults", sentence)
    print(sentence)
    assert not run.faults, sentence + "\n" + "\n".join(run.faults)


def test_restart_whose_calls_fail(program, record_property):
    run = Restarts(program)
    conclude(run, record_property, run.cases())


@pytest.mark.parametrize("way", ["clone", "in-place"])
def test_save_whose_calls_in_the_program_fail(program, record_property, way):
    run = Saves(program, ("--sync",) if way == "in-place" else ())
    conclude(run, record_property, run.cases())


def test_save_whose_own_calls_fail(program, record_property):
    run = Saves(program, traces_command=True)
    conclude(run, record_property, run.cases())
