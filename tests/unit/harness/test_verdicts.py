from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import verdicts
from harness.latency import LatencyHistogram
from harness.process_cpu import CpuCost
from harness.tally import Tally
from harness.verdicts import Rule, Verdict
from harness.windows import Window

RULE = Rule()
SECONDS = 10.0


def window(rate: float = 1_500, ms: float = 20, wrong: int = 0, users: int = 16) -> Window:
    """A window with so many predictions a second, all of one latency, and so many wrong answers."""
    latency = LatencyHistogram()
    rows = round(rate * SECONDS)
    latency.record_many([ms * 1e3] * rows)
    tally = Tally(latency, rows=rows, problems=Counter({"INTERNAL": wrong} if wrong else {}))
    return Window(SECONDS, users, tally, CpuCost(0.5))


def decided(windows: Sequence[Window]) -> Verdict | None:
    """The verdict of a steady run that ends as soon as it has one."""
    for number in range(1, len(windows) + 1):
        if verdict := verdicts.steady(windows[:number], RULE):
            assert number == len(windows), "decided too early"
            return verdict
    return None


def test_three_windows_that_agree_and_are_good_enough_pass() -> None:
    windows = [window(1_500), window(1_560), window(1_640, ms=21.5)]
    verdict = decided(windows)
    assert verdict == Verdict((), tuple(windows))
    assert verdict.passed


def test_two_windows_are_not_enough() -> None:
    assert decided([window(), window()]) is None


@pytest.mark.parametrize(
    "drifting",
    [
        pytest.param([window(1_500), window(1_600), window(1_660)], id="throughput, over three windows"),
        pytest.param([window(ms=20), window(ms=21), window(ms=22.5)], id="p95, over three windows"),
        pytest.param([window(1_500), window(1_700), window(1_500)], id="back and forth"),
    ],
)
def test_windows_that_drift_decide_nothing(drifting: list[Window]) -> None:
    assert decided(drifting) is None


def test_windows_that_agree_after_a_drift_decide_and_no_others() -> None:
    windows = [window(1_000), window(1_500), window(1_510), window(1_520)]
    verdict = decided(windows)
    assert verdict is not None
    assert verdict.windows == tuple(windows[1:])


def test_windows_that_must_agree_are_in_a_row() -> None:
    assert decided([window(1_500), window(1_510), window(1_900), window(1_500), window(1_510)]) is None


def test_windows_that_agree_on_too_few_predictions_fail_by_their_numbers() -> None:
    verdict = decided([window(2_000), window(960), window(1_010), window(1_000)])
    assert verdict is not None
    assert verdict.reasons == ("window 2: 960 predictions/s: 1,000 are required",)


def test_windows_that_agree_on_a_high_latency_fail() -> None:
    verdict = decided([window(ms=190), window(ms=190), window(ms=205)])
    assert verdict is not None
    assert not verdict.passed
    assert verdict.reasons[0].startswith("window 3: p95 is 20")
    assert verdict.reasons[0].endswith("ms: below 200 ms is required")


def test_too_many_wrong_answers_fail_at_once() -> None:
    verdict = decided([window(), window(rate=1_500, wrong=160)])
    assert verdict is not None
    assert verdict.reasons == (
        "window 2: 1.1% of the answers are not the ones they must be: below 1% is required",
    )


def test_a_few_wrong_answers_pass() -> None:
    verdict = decided([window(wrong=100)] * 3)
    assert verdict is not None
    assert verdict.passed


def test_windows_without_any_answer_never_pass() -> None:
    assert decided([window(0)] * 5) is None
    verdict = verdicts.unsteady([window(0)] * 5, 5, RULE)
    assert "window 5: no request got a price" in verdict.reasons


@given(st.lists(st.sampled_from([900, 1_000, 1_050, 1_200, 1_500]), max_size=8))
def test_a_steady_run_passes_only_on_three_good_windows_within_a_tenth_of_each_other(
    rates: list[int],
) -> None:
    windows = [window(rate) for rate in rates]
    verdict = verdicts.steady(windows, RULE)
    last = rates[-3:]
    agree = len(last) == 3 and max(last) <= 1.1 * min(last)
    assert (verdict is not None) == agree
    if verdict is not None:
        assert verdict.passed == (min(last) >= 1_000)


def test_a_run_that_never_agreed_says_how_far_apart_it_was_and_what_else_is_wrong() -> None:
    windows = [window(100), window(800), window(1_200), window(1_700, ms=200)]
    verdict = verdicts.unsteady(windows, 4, RULE)
    assert verdict.reasons[0].startswith(
        "no 3 windows in a row of 4 agree within 10%, and 4 windows are its limit"
    )
    assert "; 1 of them were good enough: the last have" in verdict.reasons[0]
    assert "800 to 1,700 predictions/s" in verdict.reasons[0]
    assert verdict.reasons[1] == "window 2: 800 predictions/s: 1,000 are required"
    assert verdict.reasons[2].startswith("window 4: p95 is")


def test_a_run_without_a_window_fails() -> None:
    assert not verdicts.unsteady([], 3, RULE).passed
    assert not verdicts.soak([], RULE).passed


MOST = 24
FAST, SLOW, POOR = window(1_700), window(1_350), window(900)
"""Two that do not agree and are good enough, and one that is not."""


def ends_at(windows: Sequence[Window], most: int = MOST) -> tuple[int, str]:
    """After how many windows, none of which decides, a steady run ends, and why."""
    for number in range(1, len(windows) + 1):
        if reason := verdicts.hopeless(windows[:number], most, RULE):
            return number, reason
    return 0, ""


def test_a_run_of_good_windows_that_do_not_agree_goes_on_to_its_limit() -> None:
    assert ends_at([FAST, SLOW] * 12) == (23, "1 more of 24 windows cannot make it pass")
    jumping_to_the_end = [FAST, SLOW] * 10 + [FAST, SLOW, window(1_400), FAST]
    assert ends_at(jumping_to_the_end) == (24, "24 windows are its limit")


def test_a_run_may_pass_in_its_last_window() -> None:
    windows = [FAST, SLOW] * 10 + [FAST, SLOW, SLOW, SLOW]
    assert ends_at(windows[:23]) == (0, "")
    verdict = verdicts.steady(windows, RULE)
    assert verdict is not None
    assert verdict.passed


def test_a_run_without_a_good_window_for_long_ends() -> None:
    poor = [POOR, window(700)] * 6
    told = "none of the last 11 windows was good enough"
    assert ends_at(poor) == (11, told)
    assert ends_at([FAST, *poor]) == (12, told)
    assert ends_at([*poor[:10], FAST, *poor[:10]]) == (0, "")
    assert ends_at([window(2_000, ms=250), window(1_500, ms=250)] * 6) == (11, told)


@pytest.mark.parametrize(
    ("last", "end"),
    [
        pytest.param([SLOW, SLOW], 0, id="two that agree: a third may come"),
        pytest.param([FAST, SLOW], 5, id="two that differ: one more is too few"),
        pytest.param([POOR, POOR], 4, id="one that is too slow: two more are too few"),
        pytest.param([SLOW, POOR], 5, id="too slow at last: one more is too few"),
    ],
)
def test_a_run_ends_when_what_is_left_cannot_make_it_pass(last: list[Window], end: int) -> None:
    assert ends_at([FAST, SLOW, FAST, *last], most=6)[0] == end


@given(
    st.lists(st.sampled_from([900, 1_000, 1_050, 1_200, 1_500]), min_size=1, max_size=7), st.integers(3, 7)
)
def test_a_run_that_ended_could_not_have_passed(rates: list[int], most: int) -> None:
    windows = [window(rate) for rate in rates[:most]]
    end, _ = ends_at(windows, most)
    verdicts_after = [verdicts.steady(windows[:n], RULE) for n in range(end, len(windows) + 1)] if end else []
    assert not any(verdict and verdict.passed for verdict in verdicts_after)
    assert end or len(windows) < most or any(verdicts.steady(windows[:n], RULE) for n in range(most + 1))


def test_a_soak_passes_when_every_window_is_good_enough_however_they_differ() -> None:
    assert verdicts.soak([window(1_000), window(5_000, ms=100), window(2_000)], RULE).passed


def test_one_bad_window_of_a_soak_fails_it() -> None:
    verdict = verdicts.soak([window(), window(ms=300), window(), window(900)], RULE)
    assert [reason.split(":")[0] for reason in verdict.reasons] == ["window 2", "window 4"]


def test_a_spike_may_be_slow_but_not_wrong() -> None:
    assert verdicts.spike([window(1_500), window(900, ms=900), window(1_300)], RULE).passed
    verdict = verdicts.spike([window(), window(wrong=1_000), window()], RULE)
    assert verdict.reasons[0].startswith("in the spike: 6.2% of the answers")


def test_after_a_spike_all_must_be_as_before() -> None:
    slow = verdicts.spike([window(1_500), window(), window(1_000)], RULE)
    assert slow.reasons == ("after the spike 1,000 predictions/s: 75% of the 1,500 before it are required",)
    late = verdicts.spike([window(), window(), window(ms=400)], RULE)
    assert late.reasons[0].startswith("after the spike: p95 is")


def test_steps_end_when_two_of_them_bring_no_more() -> None:
    rates = [100, 190, 350, 420, 430, 425]
    assert [verdicts.saturated([window(r) for r in rates[:n]]) for n in range(1, 7)] == [False] * 5 + [True]


def test_steps_fail_only_on_wrong_answers() -> None:
    assert verdicts.step([window(10), window(20, ms=900)], RULE).passed
    verdict = verdicts.step([window(), window(wrong=1_000, users=32)], RULE)
    assert verdict.reasons[0].startswith("32 users: 6.2% of the answers")
