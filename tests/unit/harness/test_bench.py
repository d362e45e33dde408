"""The benchmark's arithmetic, and its guard."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import bench
from harness.bench_rounds import Sample, figures, interleaved
from harness.latency import LatencyHistogram


def sample(cpu_us: float, units: int = 100, latency_us: float = 1_000.0) -> Sample:
    histogram = LatencyHistogram()
    histogram.record_many([latency_us] * 10)
    return Sample(units, 2.0, cpu_us * units / 1e6, histogram)


def test_ratios_are_taken_within_rounds_however_the_speed_drifts() -> None:
    speeds = [1.0, 2.0, 4.0]
    found = figures(
        {"echo": [sample(100 * s) for s in speeds], "ours": [sample(180 * s) for s in speeds]}, "echo"
    )
    assert (found["echo"].ratio, found["echo"].cpu_us) == (1.0, 200.0)
    ours = found["ours"]
    assert [ours.ratio, ours.ratio_low, ours.ratio_high] == pytest.approx([1.8] * 3)
    assert ours.rate == 50.0
    assert ours.p99_us == pytest.approx(1_000, rel=0.01)


def test_every_second_round_goes_backwards_so_that_no_kind_is_always_first() -> None:
    order: list[str] = []
    ticks: list[int] = []

    def measure(kind: str) -> Sample:
        order.append(kind)
        return sample(1.0)

    samples = interleaved(["a", "b", "c"], 3, measure, lambda: ticks.append(1))
    assert order == ["a", "b", "c", "c", "b", "a", "a", "b", "c"]
    assert {kind: len(of) for kind, of in samples.items()} == {"a": 3, "b": 3, "c": 3}
    assert len(ticks) == 9


@pytest.mark.parametrize(
    ("found", "worse"),
    [
        ({"unary": 2.0, "batch": 0.9}, []),
        ({"unary": 2.29, "batch": 0.9}, []),
        ({"unary": 2.31, "batch": 0.9}, ["unary"]),
        ({"unary": 9.9, "batch": 9.9}, ["unary", "batch"]),
        ({"unary": 2.31}, ["unary"]),  # only some sections were run
    ],
)
def test_the_guard_names_what_is_more_than_15_percent_worse(
    found: dict[str, float], worse: list[str]
) -> None:
    told = bench.worse_than_recorded(found, {"unary": 2.0, "batch": 0.9})
    assert [problem.partition(":")[0] for problem in told] == worse


def run_with(monkeypatch: pytest.MonkeyPatch, ratio: float) -> Callable[[], int]:
    measured = {"unary": figures({"echo": [sample(100)], "ridgeline": [sample(100 * ratio)]}, "echo")}
    monkeypatch.setattr(bench, "_measured", lambda *_: (measured, {"unary": "request"}))
    return lambda: bench.main(["--check"])


def test_a_planted_slowdown_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = bench.recorded_ratios()["unary"]
    assert run_with(monkeypatch, 1.1 * recorded)() == 0
    assert run_with(monkeypatch, 1.2 * recorded)() == 1
    assert "more than 15% worse" in capsys.readouterr().err
