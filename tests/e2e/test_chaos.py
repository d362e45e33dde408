"""Every fault once under load, in a drawn order: no wrong answer, no row lost or doubled.

`make chaos` goes on for as long as it is told to.
"""

from __future__ import annotations

import signal

import pytest

from support.chaos.drill import Plan, Report, run
from support.chaos.faults import FAULTS

SEED = 7
ROWS = 50_000


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    plan = Plan(rounds=1, seed=SEED, rows=ROWS, unary=3, batch=1)
    return run(plan, tmp_path_factory.mktemp("chaos"))


def test_every_answer_is_the_stated_versions_and_every_failure_is_declared(report: Report) -> None:
    assert report.problems == []
    assert report.outcomes["right"] > 100


def test_every_fault_was_felt(report: Report) -> None:
    assert sorted(injection.fault for injection in report.injections) == sorted(FAULTS)
    assert report.outcomes.total() > report.outcomes["right"]
    assert report.exits[1] >= 1, "the disk was never full"
    assert report.exits[-signal.SIGKILL] >= 1
    assert report.files >= 2
