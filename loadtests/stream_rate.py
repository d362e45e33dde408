"""Rows a second through PredictStream, from the Python client's tables to its results.

Client and server are a process each; the client turns columns into chunks while the server prices them. Exit
code 0: every row was answered; 1: not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from harness.bench_load import BenchRows
from harness.process_cpu import usage
from harness.server import RunningServer, ServerFailed, running_server
from ridgeline_client import PricingClient, RidgelineError

CHUNKS = (1_000, 5_000, 10_000)
MISSING = 0.02


@dataclass(frozen=True, slots=True)
class Rate:
    """One stream: rows of a chunk, rows answered a second, CPU microseconds of a row on either side."""

    chunk_rows: int
    rows_a_second: float
    server_us: float
    client_us: float


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    arguments = _arguments(argv)
    try:
        with (
            running_server(arguments.models) as server,
            PricingClient(server.address, timeout=60.0) as client,
        ):
            rows = BenchRows(client.describe(full=True), arguments.rows, MISSING, seed=1)
            runs = [size for _ in range(arguments.rounds) for size in CHUNKS]
            console = Console(stderr=True)
            _stream(client, server, rows, CHUNKS[0])  # warm-up
            rates = [_stream(client, server, rows, s) for s in track(runs, "Streaming", console=console)]
    except (RidgelineError, ServerFailed, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps([asdict(rate) for rate in rates], indent=2))
    else:
        _show(rates, arguments.rows)
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000, help="of each stream")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--json", action="store_true", help="a JSON list instead of a table")
    arguments = parser.parse_args(argv)
    if not max(CHUNKS) <= arguments.rows <= 2_000_000 or not 1 <= arguments.rounds <= 100:
        parser.error(f"give --rows {max(CHUNKS):,} to 2,000,000 and --rounds 1 to 100")
    return arguments


def _stream(client: PricingClient, server: RunningServer, rows: BenchRows, size: int) -> Rate:
    tables = (rows.table(start, size) for start in range(0, rows.count - size + 1, size))
    server_s, client_s, began = usage(server.pid).cpu_s, time.process_time(), time.perf_counter()
    answered = sum(result.row_count for result in client.predict_stream(tables))
    took = time.perf_counter() - began
    expected = rows.count // size * size
    if answered != expected:
        raise ServerFailed(f"{answered:,} of {expected:,} rows were answered")
    server_us = 1e6 * (usage(server.pid).cpu_s - server_s) / answered
    client_us = 1e6 * (time.process_time() - client_s) / answered
    return Rate(size, answered / took, server_us, client_us)


def _show(rates: list[Rate], rows: int) -> None:
    table = Table(title=f"PredictStream, {rows:,} rows a stream, {MISSING:.0%} missing", title_justify="left")
    for header in ("rows a chunk", "rows/s, median", "from", "to", "server us a row", "client us a row"):
        table.add_column(header, justify="right")
    for size in CHUNKS:
        of = [rate for rate in rates if rate.chunk_rows == size]
        speeds = [rate.rows_a_second for rate in of]
        table.add_row(
            f"{size:,}",
            *(f"{speed:,.0f}" for speed in (statistics.median(speeds), min(speeds), max(speeds))),
            f"{statistics.median(rate.server_us for rate in of):.2f}",
            f"{statistics.median(rate.client_us for rate in of):.2f}",
        )
    console = Console(highlight=False)
    console.width = max(console.width, 100)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
