"""Kills, stops, drains and restarts what serves, and fills the disk, while unary calls and scoring jobs run.

Every answer is compared with what scikit-learn says of the version that the answer names.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from support.chaos.callers import DECLARED as STATUSES
from support.chaos.callers import RIGHT
from support.chaos.drill import Injection, Plan, Report, run
from support.chaos.faults import FAULTS
from support.chaos.jobs import DECLARED as EXITS


def main(argv: Sequence[str] | None = None) -> int:
    """Inject faults and print; returns 1 when an answer was wrong, or lost, or failed as none should."""
    plan = _plan(argv)
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, 150)  # in a file, too
    with tempfile.TemporaryDirectory() as scratch:
        report = run(plan, Path(scratch), lambda done: console.print(f"{done.seconds:6.1f} s  {done.fault}"))
    _show(report, console)
    return 1 if report.problems else 0


def _plan(argv: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="rounds at most; each has every fault once")
    parser.add_argument("--seconds", type=float, default=600.0, help="no round begins later")
    parser.add_argument("--seed", type=int, default=0, help="draws the order and the workers")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the table that is scored")
    arguments = parser.parse_args(argv)
    if arguments.rounds < 1 or not arguments.seconds > 0 or not 50_000 <= arguments.rows <= 10_000_000:
        parser.error("give --rounds 1 or more, --seconds above 0 and --rows 50,000 to 10,000,000")
    return Plan(arguments.rounds, arguments.seconds, arguments.seed, arguments.rows)


def _show(report: Report, console: Console) -> None:
    shown = Table(title="What callers saw, and until when", title_justify="left")
    headers = ("fault", "times", RIGHT, *STATUSES.values(), "anything else", "median s", "most s")
    for header in headers:
        shown.add_column(header, justify="left" if header == "fault" else "right")
    for fault in FAULTS:
        if found := [injection for injection in report.injections if injection.fault == fault]:
            shown.add_row(fault, *_cells(found))
    console.print(shown, soft_wrap=False)
    exits = ", ".join(f"{EXITS.get(code, code)} {count:,}" for code, count in sorted(report.exits.items()))
    console.print(
        f"calls, all together: {report.outcomes.total():,}, {report.outcomes[RIGHT]:,} of them right"
    )
    console.print(f"files scored and checked: {report.files:,}; ends of the command: {exits}")
    console.print("wrong, lost, doubled, or failed as none should: " + ("; ".join(report.problems) or "none"))


def _cells(found: Sequence[Injection]) -> list[str]:
    seen = sum((injection.seen for injection in found), Counter[str]())
    told = [seen.pop(outcome, 0) for outcome in (RIGHT, *STATUSES.values())]
    seconds = [injection.seconds for injection in found]
    times = [f"{statistics.median(seconds):.1f}", f"{max(seconds):.1f}"]
    return [str(len(found)), *(f"{count:,}" for count in (*told, seen.total())), *times]


if __name__ == "__main__":
    sys.exit(main())
