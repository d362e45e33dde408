"""What an open-loop run is said to show, from calls with known times."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.latency import RELATIVE_ERROR
from harness.open_loop import OpenRun
from harness.open_report import print_run
from harness.open_summary import OpenSummary, doubts
from harness.process_cpu import CpuCost


def run_of(
    due: list[float], sent: list[float], ended: list[float], codes: list[str] | None = None
) -> OpenRun:
    told = codes or ["" if np.isnan(end) else "OK" for end in ended]
    return OpenRun(np.array(due), np.array(sent), np.array(ended), np.array(told))


def steady(count: int, lag_s: float = 0.0, latency_s: float = 0.001) -> OpenSummary:
    due = np.arange(count) / 1_000
    run = OpenRun(due, due + lag_s, due + lag_s + latency_s, np.full(count, "OK"))
    return OpenSummary.of(run, count / 1_000)


def test_latency_counts_from_when_a_call_was_due_and_from_when_it_was_sent() -> None:
    summary = OpenSummary.of(run_of([0.0, 1.0], [0.5, 1.0], [0.7, 1.1]), 2.0)
    assert summary.from_due.max_us == pytest.approx(700_000)
    assert summary.from_sent.max_us == pytest.approx(200_000)
    assert summary.lag.max_us == pytest.approx(500_000)
    assert summary.late_share == 0.5


def test_failed_calls_are_counted_by_status_and_are_no_latencies() -> None:
    codes = ["OK", "UNAVAILABLE", "DEADLINE_EXCEEDED", "UNAVAILABLE"]
    summary = OpenSummary.of(run_of([0.0] * 4, [0.0] * 4, [0.1, 0.2, 9.0, 0.2], codes), 1.0)
    assert summary.codes == {"OK": 1, "UNAVAILABLE": 2, "DEADLINE_EXCEEDED": 1}
    assert summary.from_due.count == summary.from_sent.count == 1
    assert not summary.complete


def test_calls_that_were_never_sent_are_counted() -> None:
    summary = OpenSummary.of(run_of([0.0, 1.0, 2.0], [0.0, 1.0, np.nan], [0.1, np.nan, np.nan]), 3.0)
    assert (summary.scheduled, summary.sent, summary.codes) == (3, 2, {"OK": 1})
    assert not summary.complete
    assert (summary.offered_rate, summary.answered_rate) == (2.0, 1.0)  # in the second before it was ended


def test_a_run_is_complete_when_every_call_was_answered() -> None:
    assert steady(10).complete


def test_the_answered_rate_counts_the_time_until_the_last_answer() -> None:
    summary = OpenSummary.of(run_of([0.0, 0.5], [0.0, 0.5], [0.1, 4.0]), 1.0)
    assert (summary.offered_rate, summary.answered_rate) == (2.0, 0.5)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=1, max_size=60))
def test_most_in_flight_is_the_most_at_any_moment(calls: list[tuple[int, int]]) -> None:
    sent = [float(start) for start, _ in calls]
    ended = [float(start + length) for start, length in calls]
    most = max(sum(s <= moment < e for s, e in zip(sent, ended, strict=True)) for moment in range(101))
    assert OpenSummary.of(run_of(sent, sent, ended), 100.0).in_flight_max == most


def test_calls_without_an_answer_stay_in_flight() -> None:
    summary = OpenSummary.of(run_of([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [np.nan] * 3), 3.0)
    assert summary.in_flight_max == 3


def test_calls_of_the_warm_up_are_not_counted_but_may_be_in_flight() -> None:
    run = run_of([0.0, 1.0, 3.0], [0.0, 1.0, 3.0], [3.5, 3.6, 3.7])
    summary = OpenSummary.of(run, 1.0, warmup=3.0)
    assert (summary.scheduled, summary.offered_rate, summary.in_flight_max) == (1, 1.0, 3)
    assert summary.from_due.max_us == pytest.approx(700_000)


def test_a_run_without_any_answer_has_no_percentiles() -> None:
    told = OpenSummary.of(run_of([0.0], [np.nan], [np.nan]), 1.0).to_dict()
    assert set(told["from_due_us"].values()) == {None}
    assert (told["offered_rate"], told["answered_rate"], told["in_flight_max"]) == (0.0, 0.0, 0)


def test_a_good_run_leaves_no_doubt() -> None:
    assert doubts(steady(10_000), generator_cores=0.5) == []


@pytest.mark.parametrize(
    ("summary", "cores", "said"),
    [
        (steady(10_000, lag_s=0.0012), 0.5, "1% of the calls more than 1.2 ms late"),
        (steady(10_000), 0.71, "the generator used 0.71 of a core"),
        (steady(9_999), 0.5, "p99.9 rests on 9 calls"),
        (OpenSummary.of(run_of([0.0] * 10_000, [0.0] * 10_000, [1.5] * 10_000), 1.0), 0.5, "did not keep up"),
    ],
)
def test_each_doubt_is_said(summary: OpenSummary, cores: float, said: str) -> None:
    (doubt,) = doubts(summary, cores)
    assert said in doubt.replace(",", "") if said[0].isdigit() else said in doubt


def test_a_delay_that_is_small_beside_the_latencies_is_no_doubt() -> None:
    assert doubts(steady(10_000, lag_s=0.004, latency_s=0.05), generator_cores=0.5) == []


def test_the_report_has_every_figure_and_every_warning() -> None:
    summary = OpenSummary.of(
        run_of([0.0, 1.0, 2.0], [0.0, 1.0, np.nan], [0.25, 1.5, np.nan], ["OK", "UNAVAILABLE", ""]), 3.0
    )
    text = io.StringIO()
    console = Console(file=text, width=200)
    print_run("a title", summary, CpuCost(0.4, 0.5, 300.0), ["be careful"], console)
    report = text.getvalue()
    assert f"{0.25e3:.2f}" in report
    for part in ("a title", "3 scheduled, 2 sent, 1 answered", "1 UNAVAILABLE", "1 calls were not sent"):
        assert part in report
    for part in ("generator 0.40 of a core", "server 0.50 of a core", "300 us a call", "warning: be careful"):
        assert part in report


def test_the_report_of_a_run_without_any_answer_has_no_figures() -> None:
    text = io.StringIO()
    summary = OpenSummary.of(run_of([0.0], [np.nan], [np.nan]), 1.0)
    print_run("a title", summary, CpuCost(0.1), [], Console(file=text, width=200))
    assert "none" in text.getvalue()
    assert "nan" not in text.getvalue()


def test_percentiles_of_the_summary_are_numpys() -> None:
    latencies = np.random.default_rng(3).lognormal(-6, 1, 20_000)
    due = np.arange(20_000) / 1_000
    run = OpenRun(due, due, due + latencies, np.full(20_000, "OK"))
    told = OpenSummary.of(run, 20.0).to_dict()["from_due_us"]
    for percent in (50, 90, 99, 99.9):
        exact = np.percentile(latencies, percent) * 1e6
        assert told[f"p{percent:g}"] == pytest.approx(exact, rel=RELATIVE_ERROR + 0.01)
