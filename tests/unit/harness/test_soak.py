"""What a soak makes of its samples."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from support.soak.calls import KINDS, strange
from support.soak.growth import FEWEST_SAMPLES, Growth, growth
from support.soak.run import Held, Report

CALLS = list(range(0, 200_000, 2_000))


def memory(mb_per_100k: float, noise_mb: float = 0.0, seed: int = 0) -> list[int]:
    """Bytes of a server that has 100 MB and grows."""
    noise = np.random.default_rng(seed).normal(0, noise_mb, len(CALLS))
    return [int(1e6 * (100 + mb_per_100k * calls / 1e5 + n)) for calls, n in zip(CALLS, noise, strict=True)]


@pytest.mark.parametrize("slope", [-2.0, 0.0, 0.5, 30.0])
def test_a_straight_line_is_found_with_an_interval_that_is_hardly_wider(slope: float) -> None:
    found = growth(CALLS, memory(slope))
    assert [found.slope, found.lower, found.upper] == pytest.approx([slope] * 3, abs=1e-4)


def test_19_of_20_intervals_have_the_true_slope() -> None:
    found = [growth(CALLS, memory(0.5, noise_mb=1.0, seed=seed)) for seed in range(400)]
    inside = sum(each.lower <= 0.5 <= each.upper for each in found)
    assert 0.92 <= inside / len(found) <= 0.98
    assert all(each.lower < each.slope < each.upper for each in found)


def test_a_line_through_too_few_samples_is_refused() -> None:
    few = FEWEST_SAMPLES - 1
    with pytest.raises(ValueError, match="9 samples: expected 10 or more"):
        growth(CALLS[:few], memory(0.0)[:few])


def test_the_shares_of_the_calls_make_a_hundred() -> None:
    assert sum(kind.share for kind in KINDS.values()) == 100


def test_an_end_that_should_not_be_is_strange() -> None:
    good = Counter({(name, code): 1 for name, kind in KINDS.items() for code in kind.codes})
    assert strange(good) == set()
    assert strange(good + Counter({("Predict", "UNAVAILABLE"): 1})) == {("Predict", "UNAVAILABLE")}


@pytest.mark.parametrize(
    ("threads", "descriptors", "problems"), [(64, 11, 0), (65, 11, 1), (64, 12, 1), (63, 11, 1)]
)
def test_threads_and_descriptors_must_be_as_many(threads: int, descriptors: int, problems: int) -> None:
    first, last = Held(100, 64, 11), Held(900, threads, descriptors)
    report = Report(Counter(), first, last, Growth(0.0, 0.0, 0.0), 1.0)
    assert len(report.problems) == problems
