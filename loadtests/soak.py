"""Calls a server of its own very often, well and badly: memory, threads and descriptors must not grow."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from support import toys
from support.soak.calls import KINDS
from support.soak.growth import FEWEST_SAMPLES
from support.soak.run import Held, Plan, Report, run

LIMIT_MB = 1.0
"""MB of resident memory for each 100,000 calls that the upper end of the interval must stay below."""

_TOLD_EVERY = 10_000
_MB = 1e6


def main(argv: Sequence[str] | None = None) -> int:
    """Call and print; returns 1 when something grew, or a call ended as none should."""
    plan = _plan(argv)
    console = Console(highlight=False, soft_wrap=True)

    def tell(calls: int, held: Held) -> None:
        if calls % _TOLD_EVERY < plan.slice_calls:
            console.print(f"{calls:9,} calls: {_told(held)}")

    with tempfile.TemporaryDirectory() as scratch:
        report = run(plan, toys.export(Path(scratch)), tell)
    problems = [*report.problems, *_grown(report)]
    _show(report, plan, console)
    console.print("what should not be: " + ("; ".join(problems) or "none"))
    return 1 if problems else 0


def _plan(argv: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300_000)
    parser.add_argument("--warmup", type=int, default=50_000, help="calls before anything is looked at")
    parser.add_argument("--processes", type=int, default=3, help="processes that call")
    arguments = parser.parse_args(argv)
    plan = Plan(arguments.calls, arguments.warmup, processes=arguments.processes)
    least = FEWEST_SAMPLES * plan.slice_calls
    if not 1 <= plan.warmup <= plan.calls - least:
        parser.error(f"--warmup is {plan.warmup:,}: give 1 or more, and {least:,} or more less than --calls")
    if not 1 <= plan.processes <= 64:
        parser.error(f"--processes is {plan.processes}: give --processes 1 to 64")
    return plan


def _grown(report: Report) -> list[str]:
    upper = report.growth.upper
    if upper < LIMIT_MB:
        return []
    return [f"memory may grow by {upper:.2f} MB per 100,000 calls: expected less than {LIMIT_MB:g}"]


def _show(report: Report, plan: Plan, console: Console) -> None:
    shown = Table(title=f"{report.outcomes.total():,} calls", title_justify="left")
    for header in ("call", "times", "ended"):
        shown.add_column(header, justify="right" if header == "times" else "left")
    for kind in KINDS:
        codes = {code: count for (name, code), count in sorted(report.outcomes.items()) if name == kind}
        ended = ", ".join(f"{code} {count:,}" for code, count in codes.items())
        shown.add_row(kind, f"{sum(codes.values()):,}", ended)
    console.print(shown, soft_wrap=False)
    rate = (plan.calls - plan.warmup) / report.seconds
    console.print(f"after {plan.warmup:,} calls: {_told(report.first)}")
    console.print(f"at the end: {_told(report.last)}; {rate:,.0f} calls/s")
    slope, lower, upper = report.growth.slope, report.growth.lower, report.growth.upper
    console.print(f"memory for 100,000 calls: {slope:+.2f} MB, 95% interval {lower:+.2f} to {upper:+.2f}")


def _told(held: Held) -> str:
    memory = f"{held.resident_bytes / _MB:.1f} MB"
    return f"{memory}, {held.threads} threads, {held.descriptors} descriptors"


if __name__ == "__main__":
    sys.exit(main())
