"""Rows per second, whatever a caller does."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from ridgeline_server.access.rate import TokenBucket

steps = st.lists(st.tuples(st.integers(0, 30), st.floats(0, 3)), max_size=50)


@given(steps, st.integers(1, 20))
def test_no_second_has_more_rows_than_a_full_bucket_and_the_rate(
    asked: list[tuple[int, float]], rate: int
) -> None:
    bucket, now, taken = TokenBucket(rate), 0.0, list[tuple[float, int]]()
    for rows, pause in asked:
        now += pause
        if not bucket.take(rows, now):
            taken.append((now, rows))
    for at, _ in taken:
        within = [rows for when, rows in taken if at <= when <= at + 1]
        assert sum(within) <= 2 * rate + 1e-6


@given(st.integers(1, 20), st.integers(1, 20))
def test_after_the_wait_the_rows_are_there_and_a_moment_before_they_are_not(rate: int, rows: int) -> None:
    bucket = TokenBucket(rate)
    assert not bucket.take(rate, 0.0)
    wait = bucket.take(rows, 0.0)
    if rows > rate:
        assert wait == math.inf
        return
    assert wait == rows / rate
    assert bucket.take(rows, 0.9 * wait)
    assert not bucket.take(rows, wait + 1e-9)


def test_what_was_refused_is_not_taken() -> None:
    bucket = TokenBucket(10)
    assert not bucket.take(6, 0.0)
    assert bucket.take(5, 0.0)
    assert not bucket.take(4, 0.0)


def test_what_is_owed_comes_in_with_time_and_nothing_is_there_before() -> None:
    bucket = TokenBucket(10)
    bucket.owe(30, 0.0)
    assert bucket.debt(0.0) == 2.0
    assert bucket.debt(1.5) == 0.5
    assert bucket.take(1, 2.0)
    assert bucket.debt(2.0) == 0.0
    assert not bucket.take(1, 2.1)


def test_a_bucket_holds_a_seconds_worth_however_long_nobody_asks() -> None:
    bucket = TokenBucket(10)
    assert not bucket.take(10, 0.0)
    assert not bucket.take(10, 1_000.0)
    assert bucket.take(1, 1_000.0)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(10)
    assert not bucket.take(10, 5.0)
    assert bucket.take(1, 4.0)
    assert bucket.take(1, 5.0)
