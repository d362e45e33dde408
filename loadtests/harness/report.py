"""What a closed-loop run shows, as tables for people."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from harness.latency import LatencyHistogram
from harness.tally import Tally

PERCENTILES = (50, 90, 95, 99)

_NAMES = (*(f"p{p}" for p in PERCENTILES), "max")


def latencies(histogram: LatencyHistogram) -> dict[str, float]:
    """Percentiles and the longest latency, in microseconds, by name; NaN when there are none."""
    return dict(zip(_NAMES, (*map(histogram.percentile, PERCENTILES), histogram.max_us), strict=True))


def print_tallies(title: str, tallies: Mapping[str, Tally], seconds: float, console: Console) -> None:
    """Print a column for each kind of request, and what was wrong with any of them."""
    ordered = sorted(tallies.items())
    table = Table("", title=title, title_justify="left")
    for kind, _ in ordered:
        table.add_column(kind, justify="right")
    rows: dict[str, list[float]] = {
        "priced requests": [tally.latency.count for _, tally in ordered],
        "predictions/s (rows)": [tally.rows / seconds for _, tally in ordered],
        **{f"{name}, us": [latencies(tally.latency)[name] for _, tally in ordered] for name in _NAMES},
        "rows refused, as expected": [tally.refused_rows for _, tally in ordered],
        "wrong answers": [tally.problems.total() for _, tally in ordered],
    }
    for name, values in rows.items():
        table.add_row(name, *(f"{value:,.0f}" for value in values))
    console.print(table)
    for kind, tally in ordered:
        for problem, count in tally.problems.most_common():
            console.print(f"{kind}: {count:,} x {problem}", markup=False, highlight=False)
