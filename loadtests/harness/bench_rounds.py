"""Interleaved measurements: the only ones that mean something on a machine whose speed drifts."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from harness.latency import LatencyHistogram


@dataclass(frozen=True, slots=True)
class Sample:
    """One kind in one round.

    Attributes:
        units: requests, or rows.
        seconds: wall clock.
        cpu_s: CPU seconds of the server's process tree.
        latency: of each request.
    """

    units: int
    seconds: float
    cpu_s: float
    latency: LatencyHistogram

    @property
    def cpu_us(self) -> float:
        """CPU microseconds of the server a unit."""
        return self.cpu_s * 1e6 / self.units


@dataclass(frozen=True, slots=True)
class Figures:
    """All rounds of one kind.

    Attributes:
        cpu_us: median CPU microseconds of the server a unit.
        rate: median units a second.
        p50_us, p99_us: latencies over all rounds.
        ratio: median over rounds of cpu_us against that of the base kind in the same round.
        ratio_low, ratio_high: the smallest and the largest of those.
    """

    cpu_us: float
    rate: float
    p50_us: float
    p99_us: float
    ratio: float
    ratio_low: float
    ratio_high: float


def interleaved(
    kinds: Iterable[str], rounds: int, measure: Callable[[str], Sample], tick: Callable[[], object]
) -> dict[str, list[Sample]]:
    """Measure each kind once a round, every second round backwards; `tick` is told of each sample."""
    order = list(kinds)
    samples: dict[str, list[Sample]] = {kind: [] for kind in order}
    for number in range(rounds):
        for kind in order if number % 2 == 0 else reversed(order):
            samples[kind].append(measure(kind))
            tick()
    return samples


def figures(samples: Mapping[str, list[Sample]], base: str) -> dict[str, Figures]:
    """Medians of each kind, and its ratios to the base kind, round by round."""
    return {kind: _figures(of, samples[base]) for kind, of in samples.items()}


def _figures(of: list[Sample], base: list[Sample]) -> Figures:
    latency = LatencyHistogram()
    for sample in of:
        latency.merge(sample.latency)
    ratios = [mine.cpu_us / theirs.cpu_us for mine, theirs in zip(of, base, strict=True)]
    return Figures(
        cpu_us=statistics.median(sample.cpu_us for sample in of),
        rate=statistics.median(sample.units / sample.seconds for sample in of),
        p50_us=latency.percentile(50),
        p99_us=latency.percentile(99),
        ratio=statistics.median(ratios),
        ratio_low=min(ratios),
        ratio_high=max(ratios),
    )
