"""The benchmark's arithmetic, and its guard."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import bench
from harness.bench_rounds import Sample, figures, interleaved
from harness.bench_sections import SECTIONS
from harness.latency import LatencyHistogram
from harness.process_cpu import StealMeter


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
        ({"unary": 2.0, "new": 1.0}, ["new"]),  # without a record nothing would be compared
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


def test_recording_some_sections_keeps_what_is_recorded_of_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = tmp_path / "bench.json"
    record.write_text(json.dumps({"unary": 9.0, "batch": 0.9}))
    monkeypatch.setattr(bench, "RECORDED", record)
    run_with(monkeypatch, 2.0)
    assert bench.main(["--record"]) == 0
    assert json.loads(record.read_text()) == {"unary": 2.0, "batch": 0.9}


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--only", "unray", "--check"], "--only is 'unray': expected the beginning of unary or batch or"),
        (["--rounds", "0"], "--rounds 1 or more"),
        (["--seconds", "nan"], "--seconds above 0"),
        (["--check", "--features"], "recorded ratios are to other servers"),
        (["--record", "--guarded"], "recorded ratios are to other servers"),
        (["--record", "--slowed"], "nothing to --record"),
    ],
)
def test_a_guard_that_would_compare_nothing_is_refused(
    capsys: pytest.CaptureFixture[str], flags: list[str], problem: str
) -> None:
    with pytest.raises(SystemExit) as left:
        bench.main(flags)
    assert left.value.code == 2
    assert problem in capsys.readouterr().err


def test_the_guard_has_a_ratio_for_every_section() -> None:
    assert tuple(bench.recorded_ratios()) == SECTIONS


@pytest.mark.parametrize("name", ["echo", "bare", "serving", "graph"])
def test_the_servers_that_do_less_stay_as_short_as_the_page_says(name: str) -> None:
    source = Path(bench.__file__).parent / "peers" / f"{name}.py"
    assert len(source.read_text().splitlines()) <= 40


def test_what_other_guests_took_is_told_beside_the_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_with(monkeypatch, 2.0)
    monkeypatch.setattr(StealMeter, "share", lambda _: 0.25)
    bench.main(["--json"])
    shown = capsys.readouterr()
    assert "taken by other guests of the host: 25.0% of this machine's CPU time" in shown.err
    assert list(json.loads(shown.out)) == ["unary"]
