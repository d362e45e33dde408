"""When a closed-loop run passes. Pure: windows in, verdict out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.windows import Window

GROWTH = 1.05
"""Twice the users must bring so many times the throughput, or the server is saturated."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What windows must show.

    Attributes:
        consecutive: windows in a row that must agree.
        patience: windows of which one at least must be good enough, for a steady run to go on.
        agreement: the largest throughput of windows that agree is at most so much above the smallest, as a
            share; and so is the largest p95.
        least_rate: predictions a second.
        p95_below_us: latency.
        wrong_below: share of requests with another answer than the one they must get.
        recovery: throughput after a spike, as a share of the throughput before it.
    """

    consecutive: int = 3
    patience: int = 11
    agreement: float = 0.10
    least_rate: float = 1_000.0
    p95_below_us: float = 200_000.0
    wrong_below: float = 0.01
    recovery: float = 0.75


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run ended.

    Attributes:
        reasons: why it did not pass, one sentence each; none: it passed.
        windows: the windows that decided.
    """

    reasons: tuple[str, ...]
    windows: tuple[Window, ...]

    @property
    def passed(self) -> bool:
        """Whether the run showed what it must."""
        return not self.reasons


def steady(windows: Sequence[Window], rule: Rule) -> Verdict | None:
    """Judge a steady run so far; None when it has to go on.

    The first windows in a row that agree decide, good or not. Too many wrong answers decide at once: no later
    window makes them right.
    """
    newest = tuple(windows[-rule.consecutive :])
    if newest and _wrong(newest[-1], rule):
        return Verdict(_all_complaints(windows, 1, rule), newest[-1:])
    if len(newest) < rule.consecutive or not agree(newest, rule):
        return None
    return Verdict(_all_complaints(windows, len(newest), rule), newest)


def hopeless(windows: Sequence[Window], most: int, rule: Rule) -> str:
    """Say why a steady run of `most` windows should end after these, which did not decide; "": it should not.

    It should when what is left cannot make it pass, and when no window has been good enough for long.
    """
    left = most - len(windows)
    needed = rule.consecutive - left
    start = windows[-needed:] if needed > 0 else ()
    if needed > 0 and not (_good(start, rule) == needed and agree(start, rule)):
        return (
            f"{left} more of {most} windows cannot make it pass" if left else f"{most} windows are its limit"
        )
    newest = windows[-rule.patience :]
    if len(newest) == rule.patience and not _good(newest, rule):
        return f"none of the last {rule.patience} windows was good enough"
    return ""


def unsteady(windows: Sequence[Window], most: int, rule: Rule) -> Verdict:
    """Judge a steady run of at most `most` windows that came to its end before its windows agreed."""
    newest = tuple(windows[-rule.consecutive :])
    reason = (
        f"no {rule.consecutive} windows in a row of {len(windows)} agree within {rule.agreement:.0%}, and "
        f"{hopeless(windows, most, rule)}; {_good(windows, rule)} of them were good enough"
    )
    if newest:
        rates = [window.rate for window in newest]
        slow = [window.p95_us / 1e3 for window in newest]
        reason += (
            f": the last have {min(rates):,.0f} to {max(rates):,.0f} predictions/s and a p95 of "
            f"{min(slow):,.1f} to {max(slow):,.1f} ms; is this machine busy with something else?"
        )
    return Verdict((reason, *_all_complaints(windows, len(newest), rule)), newest)


def soak(windows: Sequence[Window], rule: Rule) -> Verdict:
    """Judge a long run: every window has to be good enough."""
    if not windows:
        return Verdict(("the run ended before its first window",), ())
    return Verdict(_all_complaints(windows, len(windows), rule), tuple(windows))


def spike(windows: Sequence[Window], rule: Rule) -> Verdict:
    """Judge the windows before, in and after a spike: no wrong answers, and then all is as it was."""
    before, _, after = windows
    reasons = [
        f"{name} the spike: {wrong}"
        for name, window in zip(("before", "in", "after"), windows, strict=True)
        for wrong in _wrong(window, rule)
    ]
    if not after.p95_us < rule.p95_below_us:
        reasons.append(f"after the spike: {_too_slow(after, rule)}")
    if after.rate < before.rate * rule.recovery:
        required = f"{rule.recovery:.0%} of the {before.rate:,.0f} before it are required"
        reasons.append(f"after the spike {after.rate:,.0f} predictions/s: {required}")
    return Verdict(tuple(reasons), tuple(windows))


def step(windows: Sequence[Window], rule: Rule) -> Verdict:
    """Judge a run up to saturation: it looks for the limit, so only wrong answers count against it."""
    reasons = [f"{window.users} users: {wrong}" for window in windows for wrong in _wrong(window, rule)]
    return Verdict(tuple(reasons), tuple(windows))


def saturated(windows: Sequence[Window]) -> bool:
    """True when the last two steps brought no more throughput than the best one before them."""
    rates = [window.rate for window in windows]
    return len(rates) > 2 and max(rates[-2:]) < GROWTH * max(rates[:-2])


def agree(windows: Sequence[Window], rule: Rule) -> bool:
    """True when the windows' throughputs agree, and their p95s. A window without a price agrees with none."""
    figures = ([window.rate for window in windows], [window.p95_us for window in windows])
    return all(min(f) > 0 and max(f) <= (1 + rule.agreement) * min(f) for f in figures)


def _good(windows: Sequence[Window], rule: Rule) -> int:
    """How many windows are good enough, whether they agree or not."""
    return sum(not complaints(window, rule) for window in windows)


def complaints(window: Window, rule: Rule) -> list[str]:
    """What of a window is not good enough."""
    found = []
    if window.rate < rule.least_rate:
        found.append(f"{window.rate:,.0f} predictions/s: {rule.least_rate:,.0f} are required")
    if not window.p95_us < rule.p95_below_us:
        found.append(_too_slow(window, rule))
    return found + _wrong(window, rule)


def _too_slow(window: Window, rule: Rule) -> str:
    if math.isnan(window.p95_us):
        return "no request got a price"
    return f"p95 is {window.p95_us / 1e3:,.1f} ms: below {rule.p95_below_us / 1e3:,.0f} ms is required"


def _wrong(window: Window, rule: Rule) -> list[str]:
    share = window.tally.problem_share
    if share < rule.wrong_below:
        return []
    return [
        f"{share:.1%} of the answers are not the ones they must be: below {rule.wrong_below:.0%} is required"
    ]


def _all_complaints(windows: Sequence[Window], last: int, rule: Rule) -> tuple[str, ...]:
    """Complaints about the last windows of a run, by the windows' numbers in it."""
    return tuple(
        f"window {number}: {complaint}"
        for number, window in list(enumerate(windows, start=1))[-last:]
        for complaint in complaints(window, rule)
    )
