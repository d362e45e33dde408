"""What `make chaos` and `make soak` print and return, for drills and soaks that have been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import chaos
import soak
from support.chaos.drill import Injection
from support.chaos.drill import Report as Drill
from support.chaos.faults import FAULTS
from support.commands import Capture, told
from support.soak.growth import Growth
from support.soak.run import Held
from support.soak.run import Report as Soak

KILLED, *_ = FAULTS


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def drill(*problems: str) -> Callable[..., Drill]:
    found = [Injection(KILLED, s, Counter({"right": 1000, "UNAVAILABLE": 2})) for s in (1.0, 2.0, 9.0)]
    report = Drill(found, Counter({"right": 3000, "UNAVAILABLE": 6}), Counter({0: 4, -9: 1}), 4, [*problems])
    return lambda *_: report


def soaked(upper: float, threads: int = 64) -> Callable[..., Soak]:
    outcomes = Counter({("Predict", "OK"): 290_000, ("Predict, too late", "DEADLINE_EXCEEDED"): 10_000})
    held = Held(100_000_000, 64, 11), Held(101_000_000, threads, 11)
    return lambda *_: Soak(outcomes, *held, Growth(upper - 0.2, upper - 0.4, upper), 250.0)


def cells(printed: str, first: str) -> list[str]:
    """The cells of the table's row that begins with `first`."""
    (line,) = [line for line in printed.splitlines() if f"│ {first} " in line]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_chaos_shows_each_fault_with_what_callers_saw(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaos, "run", drill())
    code, printed = told(capsys, chaos.main, "--rounds", "3")
    assert code == 0
    assert cells(printed, KILLED) == [KILLED, "3", "3,000", "6", "0", "0", "0", "2.0", "9.0"]
    assert "calls, all together: 3,006, 3,000 of them right" in printed
    assert "ends of the command: killed 1, done 4" in printed
    assert printed.endswith("failed as none should: none\n")


def test_chaos_with_a_problem_fails(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "run", drill("rows of files with a wrong price: 7"))
    code, printed = told(capsys, chaos.main)
    assert code == 1
    assert "rows of files with a wrong price: 7" in printed


@pytest.mark.parametrize(
    ("run", "problem"),
    [
        (soaked(upper=0.9), "none"),
        (soaked(upper=1.0), "memory may grow by 1.00 MB per 100,000 calls: expected less than 1"),
        (soaked(upper=0.9, threads=65), "threads or descriptors have changed"),
    ],
)
def test_a_soak_fails_when_something_grew(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, run: Any, problem: str
) -> None:
    monkeypatch.setattr(soak, "run", run)
    code, printed = told(capsys, soak.main)
    assert code == (problem != "none")
    assert f"what should not be: {problem}" in printed
    assert "1,000 calls/s" in printed
    assert cells(printed, "Predict, too late")[1:] == ["10,000", "DEADLINE_EXCEEDED 10,000"]


@pytest.mark.parametrize(
    ("main", "flags", "advice"),
    [
        (chaos.main, ["--rounds", "0"], "--rounds 1 or more"),
        (chaos.main, ["--rows", "100"], "--rows 50,000 to 10,000,000"),
        (
            soak.main,
            ["--calls", "4000", "--warmup", "1000"],
            "--warmup is 1,000: give 1 or more, and 5,000 or more less than --calls",
        ),
        (soak.main, ["--processes", "0"], "--processes 1 to 64"),
    ],
)
def test_figures_that_cannot_be_are_refused_with_those_that_can(
    capsys: Capture, main: Callable[[list[str]], int], flags: list[str], advice: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main(flags)
    assert left.value.code == 2
    assert advice in capsys.readouterr().err
