"""Faults one after another under load, in rounds that have each of them once in a drawn order."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support.chaos.callers import WRONG, Callers
from support.chaos.faults import FAULTS, Site
from support.chaos.jobs import Jobs
from support.chaos.oracle import Oracle, publish


@dataclass(frozen=True)
class Plan:
    """What to do.

    Attributes:
        rounds: at most so many; the first one is always complete.
        seconds: no round begins later.
        seed: draws orders and workers.
        rows: of the table that is scored and asked for.
        unary, batch: callers who ask for one price at a time, and for many.
    """

    rounds: int
    seconds: float = float("inf")
    seed: int = 0
    rows: int = 100_000
    unary: int = 6
    batch: int = 2


@dataclass(frozen=True)
class Injection:
    """One fault.

    Attributes:
        fault: its name in FAULTS.
        seconds: until all is back and every caller has had a right answer to a call that began after it.
        seen: what callers saw in this time, calls by outcome.
    """

    fault: str
    seconds: float
    seen: Counter[str]


@dataclass
class Report:
    """A drill that is over: the `injections`, all `outcomes` of the callers, and what became of the jobs."""

    injections: list[Injection] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    exits: Counter[int] = field(default_factory=Counter)
    files: int = 0
    problems: list[str] = field(default_factory=list)

    def conclude(self, callers: Callers, jobs: Jobs) -> None:
        """Take over what was counted, and say what is wrong with it."""
        self.outcomes, self.exits, self.files = callers.outcomes, jobs.exits, jobs.files
        found = {
            "calls with a wrong answer": callers.outcomes[WRONG],
            "calls that ended as none should": sorted(callers.undeclared() - {WRONG}),
            "rows of files with a wrong price": jobs.wrong,
            "rows of files that are lost, doubled or out of place": jobs.misplaced,
            "exit codes no job should have": jobs.undeclared(),
        }
        self.problems = [f"{what}: {much}" for what, much in found.items() if much]


def run(plan: Plan, folder: Path, told: Callable[[Injection], object] = lambda _: None) -> Report:
    """Do as planned; files go to `folder`, `told` hears of each fault when it is over."""
    report, oracle = Report(), Oracle(plan.rows)
    with Site(publish(folder)) as site:
        asking = Callers(site.address, oracle, plan.unary, plan.batch)
        with asking as callers, Jobs(site.address, oracle, folder) as jobs:
            draw = random.Random(plan.seed)
            callers.wait_right(time.monotonic())
            for name in _drawn(plan, draw):
                report.injections.append(_inject(name, site, callers, jobs, draw))
                told(report.injections[-1])
    report.conclude(callers, jobs)
    return report


def _drawn(plan: Plan, draw: random.Random) -> Iterator[str]:
    until = time.monotonic() + plan.seconds
    for number in range(plan.rounds):
        if number and time.monotonic() > until:
            return
        yield from draw.sample(sorted(FAULTS), len(FAULTS))


def _inject(name: str, site: Site, callers: Callers, jobs: Jobs, draw: random.Random) -> Injection:
    before, began = callers.seen(), time.monotonic()
    FAULTS[name](site, jobs, draw)
    callers.wait_right(began)
    return Injection(name, time.monotonic() - began, callers.seen() - before)
