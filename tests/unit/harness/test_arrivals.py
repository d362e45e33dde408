"""Schedules of open arrivals, compared with the distributions they must have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness import arrivals


@given(st.floats(0.5, 5_000), st.floats(0.5, 20))
def test_constant_arrivals_come_at_their_rate_from_the_beginning(rate: float, seconds: float) -> None:
    due = arrivals.constant(rate, seconds)
    assert len(due) == round(rate * seconds)
    assert np.allclose(np.diff(due), 1 / rate)
    assert not len(due) or due[0] == 0.0


@given(st.integers(0, 2**32), st.floats(0.5, 500), st.floats(0.1, 20))
def test_poisson_arrivals_are_in_order_and_in_time(seed: int, rate: float, seconds: float) -> None:
    due = arrivals.poisson(rate, seconds, np.random.default_rng(seed))
    assert np.all(np.diff(due) >= 0)
    assert np.all((due >= 0) & (due < seconds))


def test_gaps_of_poisson_arrivals_are_exponential() -> None:
    due = arrivals.poisson(1_000.0, 60.0, np.random.default_rng(5))
    assert stats.kstest(np.diff(due), "expon", args=(0, 1 / 1_000)).pvalue > 0.01


def test_counts_of_poisson_arrivals_vary_as_they_must() -> None:
    rng = np.random.default_rng(6)
    counts = np.array([len(arrivals.poisson(50.0, 2.0, rng)) for _ in range(2_000)])
    assert counts.mean() == pytest.approx(100.0, rel=0.02)
    assert counts.var() == pytest.approx(100.0, rel=0.1)


def test_a_seed_gives_one_schedule() -> None:
    first, again = (arrivals.poisson(100.0, 5.0, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, arrivals.poisson(100.0, 5.0, np.random.default_rng(8)))
