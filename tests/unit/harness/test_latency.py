"""Percentiles from log buckets are those of the latencies themselves, within the stated error."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.latency import HIGHEST_US, LOWEST_US, RELATIVE_ERROR, LatencyHistogram

PERCENTS = (0.0, 1.0, 50.0, 90.0, 95.0, 99.0, 99.9, 100.0)
in_range = st.floats(LOWEST_US, HIGHEST_US)
latencies = st.lists(in_range, min_size=1, max_size=200)
edge_factor = 1 + RELATIVE_ERROR + 1e-9


def recorded(values: list[float]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for value in values:
        histogram.record_us(value)
    return histogram


@given(latencies, st.floats(0, 100))
def test_a_percentile_is_numpys_within_the_stated_error(values: list[float], percent: float) -> None:
    exact = float(np.percentile(values, percent, method="inverted_cdf"))
    assert exact / edge_factor <= recorded(values).percentile(percent) <= exact * edge_factor


@pytest.mark.parametrize("percent", PERCENTS)
def test_percentiles_of_many_latencies_are_numpys_within_the_stated_error(percent: float) -> None:
    values = np.random.default_rng(1).lognormal(mean=6.5, sigma=1.5, size=50_000).clip(LOWEST_US)
    histogram = LatencyHistogram()
    histogram.record_many(values)
    exact = np.percentile(values, percent)
    assert histogram.percentile(percent) == pytest.approx(exact, rel=RELATIVE_ERROR + 1e-3)


@given(latencies)
def test_count_extremes_and_mean_are_exact(values: list[float]) -> None:
    histogram = recorded(values)
    assert histogram.count == len(values)
    assert (histogram.min_us, histogram.max_us) == (min(values), max(values))
    assert histogram.mean_us == pytest.approx(np.mean(values))


@given(latencies)
def test_recording_many_is_recording_each(values: list[float]) -> None:
    histogram = LatencyHistogram()
    histogram.record_many(values)
    assert same(histogram, recorded(values))


@given(latencies, latencies)
def test_merging_is_recording_all_and_leaves_the_other_alone(ours: list[float], theirs: list[float]) -> None:
    merged, other = recorded(ours), recorded(theirs)
    merged.merge(other)
    assert same(merged, recorded(ours + theirs))
    assert same(other, recorded(theirs))


@given(latencies, latencies, latencies)
def test_the_order_of_merges_does_not_matter(a: list[float], b: list[float], c: list[float]) -> None:
    left, right = recorded(a), recorded(c)
    left.merge(recorded(b))
    left.merge(recorded(c))
    right.merge(recorded(b))
    right.merge(recorded(a))
    assert same(left, right)


@given(st.lists(in_range, max_size=50))
def test_a_histogram_comes_back_from_json_and_merges_on(values: list[float]) -> None:
    histogram = LatencyHistogram.from_dict(json.loads(json.dumps(recorded(values).to_dict())))
    assert same(histogram, recorded(values))
    histogram.merge(recorded([5.0]))
    assert same(histogram, recorded([*values, 5.0]))


def test_an_empty_histogram_has_no_percentiles() -> None:
    empty = LatencyHistogram()
    assert empty.count == 0
    assert all(
        map(
            math.isnan,
            (empty.percentile(50), empty.percentile(100), empty.mean_us, empty.min_us, empty.max_us),
        )
    )


def test_what_lies_outside_the_buckets_keeps_its_exact_extremes() -> None:
    histogram = recorded([0.0, 2 * HIGHEST_US])
    assert (histogram.min_us, histogram.max_us) == (0.0, 2 * HIGHEST_US)
    assert histogram.percentile(100) == pytest.approx(HIGHEST_US, rel=0.02)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_what_is_no_latency_is_refused(value: float) -> None:
    histogram = LatencyHistogram()
    with pytest.raises(ValueError, match="0 us or more, not"):
        histogram.record_us(value)
    with pytest.raises(ValueError, match="0 us or more, not"):
        histogram.record_many([1.0, value])
    assert histogram.count == 0


@pytest.mark.parametrize("percent", [-0.1, 100.1, math.nan])
def test_a_percentile_outside_0_to_100_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 100"):
        recorded([1.0]).percentile(percent)


def test_buckets_of_another_width_are_refused() -> None:
    told = {**recorded([1.0]).to_dict(), "relative_error": 0.05}
    with pytest.raises(ValueError, match=r"0\.05"):
        LatencyHistogram.from_dict(told)


def same(left: LatencyHistogram, right: LatencyHistogram) -> bool:
    return (
        left.to_dict()["buckets"] == right.to_dict()["buckets"]
        and np.array_equal([left.min_us, left.max_us], [right.min_us, right.max_us], equal_nan=True)
        and left.mean_us == pytest.approx(right.mean_us, nan_ok=True)
    )
