from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace

import pytest
from rich.console import Console

from harness.answers import Outcome
from harness.gate_report import limits, print_verdict, progress, told
from harness.process_cpu import CpuCost
from harness.tally import Tally
from harness.verdicts import Rule, Verdict
from harness.windows import Window

LIMIT = "The generator used more than 70% of a core: it was the limit"
NO_LIMIT = "The generator used no more than 70% of a core: it was not the limit."


def window(cost: CpuCost, users: int = 16) -> Window:
    tally = Tally(problems=Counter({"INTERNAL broken": 2}))
    for _ in range(100):
        tally.record(0.004, Outcome(priced=1))
    tally.record(0.004, Outcome(refused=1))
    return Window(0.5, users, tally, cost)


def printed(verdict: Verdict, *, together: bool = True) -> str:
    text = io.StringIO()
    print_verdict("Predict", verdict, Console(file=text, width=200), together=together)
    return text.getvalue()


def test_a_window_is_one_line_with_all_that_counts() -> None:
    assert progress(3, window(CpuCost(0.5, 0.9))) == (
        "window 3: 16 users, 200 predictions/s, p95 4.0 ms, 1 refused as expected, 2 wrong; "
        "cores: generator 0.50, server 0.90"
    )
    assert progress(1, window(CpuCost(0.5))).endswith("cores: generator 0.50")
    stolen = CpuCost(0.5, stolen_share=0.034)
    assert progress(1, window(stolen)).endswith("cores: generator 0.50; other guests 3.4%")


def test_windows_of_one_load_are_one_table_with_what_was_wrong() -> None:
    text = printed(Verdict((), (window(CpuCost(0.5, 0.9)),) * 3))
    assert "3 windows, 1.5 s" in text
    assert "300" in text
    assert "Predict: 6 x INTERNAL broken" in text
    assert "CPU: generator 0.50 of a core, server 0.90 (4,369 us a call)." in text
    assert text.endswith("PASSED\n")


def test_windows_of_several_loads_are_a_line_each() -> None:
    text = printed(Verdict((), (window(CpuCost(0.5), 1), window(CpuCost(0.5), 2))), together=False)
    assert "Most predictions: 200 a second, at 1 users." in text
    assert "the server's is not ours to look at" in text


def test_a_generator_that_was_the_limit_is_named_and_no_other() -> None:
    for cores, busy in ((0.71, True), (0.69, False)):
        verdict = Verdict((), (window(CpuCost(cores)),))
        assert (LIMIT in printed(verdict), NO_LIMIT in printed(verdict)) == (busy, not busy)
        assert told("steady", verdict)["generator_was_the_limit"] == busy


def test_what_other_guests_took_is_the_mean_over_the_time_and_not_known_without_one_of_the_windows() -> None:
    short, unknown = window(CpuCost(0.5, stolen_share=0.01)), window(CpuCost(0.5))
    long = replace(window(CpuCost(0.5, stolen_share=0.04)), seconds=1.0)
    verdict = Verdict((), (short, long))
    assert "taken by other guests of the host: 3.0% of this machine's CPU time" in printed(verdict)
    assert told("steady", verdict)["stolen_share"] == pytest.approx(0.03)
    assert "taken by other guests of the host: not known" in printed(Verdict((), (short, unknown)))
    assert told("steady", Verdict(("it was slow",), ()))["stolen_share"] is None


def test_how_long_a_run_may_take_is_said_before_it() -> None:
    assert limits(24, 10, Rule()) == (
        "windows of 10 s: passes at the first 3 in a row that agree within 10% and are good enough; "
        "gives up after 24, and after 11 of which none was good enough"
    )
    assert limits(11, 0.5, Rule()).endswith("gives up after 11")


def test_a_server_that_grows_is_seen() -> None:
    windows = tuple(replace(window(CpuCost(0.5)), server_bytes=size) for size in (100_000_000, 180_000_000))
    assert "Server memory: 100 MB at first, 180 MB at last" in printed(Verdict((), windows))


def test_a_run_that_failed_says_why() -> None:
    text = printed(Verdict(("it was slow", "[and] wrong"), ()))
    assert text == "- it was slow\n- [and] wrong\nFAILED\n"
