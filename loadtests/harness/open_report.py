"""What an open-loop run shows, for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from harness.calls import OK
from harness.latency import LatencyHistogram
from harness.open_summary import LATE_US, PERCENTS, OpenSummary
from harness.process_cpu import CpuCost, told_stolen


def print_run(
    title: str, summary: OpenSummary, cost: CpuCost, doubts: Sequence[str], console: Console
) -> None:
    """Print percentiles, rates, the generator's own delay, and what casts doubt on them."""
    console.print(_latencies(title, summary))
    console.print(
        f"calls: {summary.scheduled:,} scheduled, {summary.sent:,} sent, "
        f"{summary.codes.get(OK, 0):,} answered; {summary.offered_rate:,.0f} sent and "
        f"{summary.answered_rate:,.0f} answered a second; at most {summary.in_flight_max:,} in flight"
    )
    failed = {code: count for code, count in sorted(summary.codes.items()) if code != OK}
    told = ", ".join(f"{count:,} {code}" for code, count in failed.items()) or "none"
    console.print(f"errors, not in the latencies: {told}")
    lag = summary.lag
    console.print(
        f"sent late by the generator: p50 {_ms(lag, 50)}, p99 {_ms(lag, 99)}, max {_ms(lag, 100)} ms; "
        f"{summary.late_share:.2%} by more than {LATE_US / 1e3:g} ms"
    )
    console.print(f"CPU, warm-up included: {_cpu(cost)}; {told_stolen(cost.stolen_share)}")
    if summary.sent < summary.scheduled:
        console.print(f"interrupted: {summary.scheduled - summary.sent:,} calls were not sent")
    for doubt in doubts:
        console.print(f"warning: {doubt}", style="yellow")


def _latencies(title: str, summary: OpenSummary) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("latency, ms")
    for header in ("from when it was due", "from when it was sent", "calls above"):
        table.add_column(header, justify="right")
    count = summary.from_due.count
    for percent in PERCENTS:
        above = count - math.ceil(count * percent / 100)
        values = _ms(summary.from_due, percent), _ms(summary.from_sent, percent)
        table.add_row(f"p{percent:g}", *values, f"{above:,}")
    table.add_row("max", _ms(summary.from_due, 100), _ms(summary.from_sent, 100), "0")
    return table


def _ms(histogram: LatencyHistogram, percent: float) -> str:
    if not histogram.count:
        return "none"
    us = histogram.max_us if percent == 100 else histogram.percentile(percent)
    return f"{us / 1e3:,.2f}"


def _cpu(cost: CpuCost) -> str:
    generator = f"generator {cost.generator_cores:.2f} of a core"
    if cost.server_cores is None:
        return f"{generator}, server unknown (--server-pid tells it)"
    return f"{generator}, server {cost.server_cores:.2f} of a core, {cost.server_us_per_call:,.0f} us a call"
