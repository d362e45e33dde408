"""What the benchmark measured, for people and for machines."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from harness.bench_rounds import Figures


def plain(of: Mapping[str, Figures]) -> dict[str, dict[str, float]]:
    """Return the figures of a section for JSON."""
    return {kind: dataclasses.asdict(figures) for kind, figures in of.items()}


def show(results: Mapping[str, Mapping[str, Figures]], units: Mapping[str, str], console: Console) -> None:
    """Print a line for each server of each section; `units` says what a section counts."""
    console.width = max(console.width, 110)
    table = Table("", "server", "CPU us", "ratio", "rounds from", "to", "a second", "p50 ms", "p99 ms")
    for column in table.columns[2:]:
        column.justify = "right"
    for name, of in results.items():
        for place, (kind, f) in enumerate(of.items()):
            table.add_row(
                f"{name}, a {units[name]}" if place == 0 else "",
                kind,
                f"{f.cpu_us:,.2f}",
                f"{f.ratio:.2f}",
                f"{f.ratio_low:.2f}",
                f"{f.ratio_high:.2f}",
                f"{f.rate:,.0f}",
                f"{f.p50_us / 1000:.2f}",
                f"{f.p99_us / 1000:.2f}",
                end_section=place == len(of) - 1,
            )
    console.print(table)
