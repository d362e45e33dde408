"""A few thousand good and bad calls leave nothing behind. `make soak` makes 300,000."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.soak.calls import KINDS
from support.soak.run import Plan, Report, run

PLAN = Plan(calls=4_000, warmup=1_500, slice_calls=100)
GENEROUS_MB = 200.0
"""MB for each 100,000 calls, 2 kB a call: so early memory still comes to its level. A request that is kept
is more."""


@pytest.fixture(scope="module")
def report(toy_models: Path) -> Report:
    return run(PLAN, toy_models)


def test_threads_and_descriptors_are_as_before_and_calls_end_as_they_should(report: Report) -> None:
    assert report.problems == []
    assert report.outcomes.total() == PLAN.calls
    assert {kind for kind, _ in report.outcomes} == set(KINDS)


def test_memory_does_not_grow_by_what_a_call_would_leave(report: Report) -> None:
    growth = report.growth
    assert growth.lower <= growth.slope <= growth.upper
    assert growth.slope < GENEROUS_MB
