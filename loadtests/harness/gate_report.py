"""What the load gate tells people: a line for each window as it ends, and the verdict."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.open_summary import BUSY_GENERATOR
from harness.process_cpu import CpuCost, told_stolen
from harness.report import print_tallies
from harness.verdicts import Rule, Verdict
from harness.windows import Window, merged


def limits(most: int, seconds: float, rule: Rule) -> str:
    """Return how long a steady run of at most `most` windows may take, each so many seconds."""
    gives_up = f"gives up after {most}"
    if most > rule.patience:
        gives_up += f", and after {rule.patience} of which none was good enough"
    return (
        f"windows of {seconds:g} s: passes at the first {rule.consecutive} in a row that agree within "
        f"{rule.agreement:.0%} and are good enough; {gives_up}"
    )


def progress(number: int, window: Window) -> str:
    """Return one line on a window."""
    tally, cost = window.tally, window.cost
    server = "" if cost.server_cores is None else f", server {cost.server_cores:.2f}"
    stolen = "" if cost.stolen_share is None else f"; other guests {cost.stolen_share:.1%}"
    return (
        f"window {number}: {window.users} users, {window.rate:,.0f} predictions/s, "
        f"p95 {window.p95_us / 1e3:.1f} ms, {tally.refused:,} refused as expected, "
        f"{tally.problems.total():,} wrong; cores: generator {cost.generator_cores:.2f}{server}{stolen}"
    )


def told(shape: str, verdict: Verdict) -> dict[str, Any]:
    """A verdict for JSON."""
    cost = _mean_cost(verdict.windows) if verdict.windows else None
    return {
        "shape": shape,
        "passed": verdict.passed,
        "reasons": list(verdict.reasons),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "generator_was_the_limit": None if cost is None else _is_limit(cost),
        "stolen_share": None if cost is None else cost.stolen_share,
        "windows": [window.to_dict() for window in verdict.windows],
    }


def print_verdict(kind: str, verdict: Verdict, console: Console, *, together: bool) -> None:
    """Print the figures of the windows that decided, whose limit they show, and the verdict.

    Args:
        kind: of the requests.
        verdict: of the run.
        console: to print on.
        together: the windows are of one load, and are one table; else each is a line.
    """
    windows = verdict.windows
    if windows and together:
        seconds = sum(window.seconds for window in windows)
        title = f"{len(windows)} windows, {seconds:.1f} s; latency of priced answers"
        print_tallies(title, {kind: merged(windows)}, seconds, console)
    elif windows:
        _print_lines(windows, console)
    for sentence in _remarks(windows) if windows else ():
        console.print(sentence)
    for reason in verdict.reasons:
        console.print(f"- {reason}", markup=False)
    console.print("PASSED" if verdict.passed else "FAILED")


def _print_lines(windows: Sequence[Window], console: Console) -> None:
    table = Table("users", "predictions/s", "p50, ms", "p95, ms", "p99, ms", "wrong", "generator, cores")
    for column in table.columns:
        column.justify = "right"
    for window in windows:
        speeds = (f"{window.tally.latency.percentile(p) / 1e3:.1f}" for p in (50, 95, 99))
        wrong = f"{window.tally.problems.total():,}"
        cores = f"{window.cost.generator_cores:.2f}"
        table.add_row(str(window.users), f"{window.rate:,.0f}", *speeds, wrong, cores)
    console.print(table)
    best = max(windows, key=lambda window: window.rate)
    console.print(f"Most predictions: {best.rate:,.0f} a second, at {best.users} users.")


def _remarks(windows: Sequence[Window]) -> list[str]:
    """What the figures depend on: who used the cores, and who was the limit."""
    cost = _mean_cost(windows)
    found = [f"CPU: generator {cost.generator_cores:.2f} of a core" + _server(cost)]
    found.append(
        f"The generator used more than {BUSY_GENERATOR:.0%} of a core: it was the limit, or near it. "
        "The server may do more: Locust with --processes, or h2load, asks faster."
        if _is_limit(cost)
        else f"The generator used no more than {BUSY_GENERATOR:.0%} of a core: it was not the limit."
    )
    load = os.getloadavg()[0]
    found.append(
        f"This machine: {os.cpu_count()} cores, load average {load:.1f}; {told_stolen(cost.stolen_share)}. "
        "A server that runs here too competes with the generator for them."
    )
    memory = [window.server_bytes for window in windows if window.server_bytes is not None]
    if memory:
        found.append(f"Server memory: {memory[0] / 1e6:.0f} MB at first, {memory[-1] / 1e6:.0f} MB at last")
    return found


def _mean_cost(windows: Sequence[Window]) -> CpuCost:
    seconds = sum(window.seconds for window in windows)
    requests = sum(window.tally.requests for window in windows)
    generator = sum(window.cost.generator_cores * window.seconds for window in windows) / seconds
    stolen = _mean([window.cost.stolen_share for window in windows], windows)
    server = _mean([window.cost.server_cores for window in windows], windows)
    if server is None:
        return CpuCost(generator, stolen_share=stolen)
    return CpuCost(generator, server, server * seconds * 1e6 / max(requests, 1), stolen)


def _mean(values: Sequence[float | None], windows: Sequence[Window]) -> float | None:
    """Mean over the windows' time; None when one of them does not know."""
    known = [
        value * window.seconds for value, window in zip(values, windows, strict=True) if value is not None
    ]
    return sum(known) / sum(window.seconds for window in windows) if len(known) == len(windows) else None


def _is_limit(cost: CpuCost) -> bool:
    return cost.generator_cores > BUSY_GENERATOR


def _server(cost: CpuCost) -> str:
    if cost.server_cores is None:
        return "; the server's is not ours to look at (--server-pid, if it runs here)."
    return f", server {cost.server_cores:.2f} ({cost.server_us_per_call:,.0f} us a call)."
