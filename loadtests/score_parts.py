"""Where the time of a large `ridgeline score` goes: reading, packing, wire, server, writing.

Makes a table of TechMart products, all rows different, scores it with the real command against a server of
its own, and takes the command's parts one by one in this process. CPU seconds: wall clock says little on a
machine that others use.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from rich.console import Console
from rich.table import Table

from ridgeline.table_blocks import open_blocks
from ridgeline_client import PricingClient
from ridgeline_client.chunks import Packer
from ridgeline_client.description import ModelDescription
from ridgeline_client.results import ChunkResult
from ridgeline_client.schema import Schema
from ridgeline_client.score.columns import ColumnOptions, plan_columns
from ridgeline_client.score.outputs import STEP_ROWS, Output, output_in
from ridgeline_client.score.prepare import Chunk, chunks
from ridgeline_client.score.rows import RowMaker, output_schema

CHUNK_ROWS = 5_000

# Small: a process starts with the peak memory of the one that starts it.
_LAUNCHER = """
import os, sys, time
began = time.monotonic()
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
status, used = os.wait4(process, 0)[1:]
print(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Round:
    """CPU seconds by part, and what the user sees."""

    parts: dict[str, float]
    wall: float
    peak_mb: float


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        source = Path(scratch) / f"products.{arguments.format}"
        # In a process of its own: a command started later would inherit the memory this takes.
        maker = multiprocessing.get_context("spawn").Process(
            target=write_table, args=(arguments.data / "training.csv", arguments.rows, source)
        )
        maker.start()
        maker.join()
        with _server(arguments.models) as (address, server):
            rounds = [_round(source, address, server, n) for n in range(arguments.rounds)]
    _show(rounds, arguments.rows, arguments.format)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--format", choices=["csv", "parquet"], default="csv")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("data/techmart"))
    parser.add_argument("--scratch", type=Path, default=None, help="folder for the table: about 1 KB a row")
    return parser.parse_args()


def write_table(training: Path, rows: int, target: Path) -> None:
    """Write `rows` different products: the training table over and over, its numbers a little moved.

    Parquet comes in one row group, as pandas writes it.
    """
    table = pd.read_csv(training, keep_default_na=False, na_values=[""])
    numbers = table.select_dtypes("float").columns
    base = table[numbers].to_numpy()
    low, high = np.nanmin(base, axis=0), np.nanmax(base, axis=0)
    rng = np.random.default_rng(1)
    parts = []
    for first in range(0, rows, len(table)):
        part = table.head(rows - first).copy()
        moved = base[: len(part)] * (1 + rng.normal(0, 1e-4, (len(part), len(numbers))))
        part[numbers] = np.clip(moved, low, high).round(4)
        part["product_id"] = [f"P{row:09}" for row in range(first, first + len(part))]
        parts.append(pa.Table.from_pandas(part, preserve_index=False))
    made = pa.concat_tables(parts)
    if target.suffix == ".parquet":
        pyarrow.parquet.write_table(made, target, row_group_size=rows)
    else:
        pyarrow.csv.write_csv(made, target)


@contextmanager
def _server(models: Path) -> Iterator[tuple[str, int]]:
    """A server in a process of its own: its address and process id."""
    command = [sys.executable, "-m", "ridgeline_server", "serve", "--models", str(models)]
    command += ["--address", "127.0.0.1:0", "--ops-address", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = next(filter(None, (re.search(r"serving on (\S+:\d+)", line) for line in process.stderr)))
        try:
            yield found[1], process.pid
        finally:
            process.terminate()


def _round(source: Path, address: str, server: int, number: int) -> Round:
    target = source.with_name(f"prices-{number}{source.suffix}")
    server_before = _cpu_of(server)
    command = [sys.executable, "-m", "ridgeline_client", "score", str(source), str(target)]
    command += ["--target", address, "--id", "product_id"]
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command], check=True, capture_output=True, text=True
    )
    wall, command_cpu, peak_kb = map(float, told.stdout.splitlines()[-1].split())
    server_cpu = _cpu_of(server) - server_before
    alone = _Alone(source, address).measured()
    parts = {**alone, "start and wire": command_cpu - sum(alone.values()), "server": server_cpu}
    return Round(parts, wall, peak_kb / 1024)


class _Alone:
    """The command's parts, one by one in this process; their CPU seconds."""

    def __init__(self, source: Path, address: str) -> None:
        self._source = source
        self._address = address
        self._spent = {"reading": 0.0, "packing": 0.0, "writing": 0.0}

    def measured(self) -> dict[str, float]:
        """Do all of it."""
        with PricingClient(self._address, timeout=60) as client, tempfile.TemporaryDirectory() as folder:
            model = client.describe()
            with open_blocks(self._source, [feature.name for feature in model.features]) as reader:
                plan = plan_columns(reader.names, model, ColumnOptions(record_id="product_id"))
                output = output_in(Path(folder), self._source)
                output.begin(output_schema(plan, model.currency), None)
                blocks = reader.blocks(plan.wanted, CHUNK_ROWS, plain=plan.plain_numbers)
                self._go(client, model, chunks(blocks, plan, output.text_only), output)
        return self._spent

    def _go(
        self, client: PricingClient, model: ModelDescription, read: Iterator[Chunk], output: Output
    ) -> None:
        packer = Packer(Schema.of(model), client.max_message_bytes, "float64")
        maker = RowMaker(client.predict_batch, model.currency, f"1-{model.model.digest[:12]}")
        step: list[pa.Table] = []
        while True:
            with self._timed("reading"):
                chunk = next(read, None)
            if chunk is None:
                return
            with self._timed("packing"):
                list(packer.packed([(chunk.first_row, chunk.columns)]))
            answer = client.predict_batch(chunk.columns)
            with self._timed("writing"):
                step.append(maker.rows(chunk, ChunkResult(chunk.first_row, chunk.row_count, answer)).table)
                if sum(table.num_rows for table in step) >= STEP_ROWS:
                    output.commit(pa.concat_tables(step))
                    step.clear()

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = time.thread_time()
        yield
        self._spent[part] += time.thread_time() - began


def _cpu_of(process: int) -> float:
    """User and system CPU seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _show(rounds: list[Round], rows: int, table_format: str) -> None:
    shown = Table(title=f"{rows:,} rows, {table_format}")
    for header in ("part", "CPU s", "us a row"):
        shown.add_column(header, justify="left" if header == "part" else "right")
    for part in rounds[0].parts:
        seconds = statistics.median(r.parts[part] for r in rounds)
        shown.add_row(part, f"{seconds:.2f}", f"{seconds / rows * 1e6:.2f}")
    console = Console()
    console.print(f"Median of {len(rounds)} rounds.")
    console.print(shown)
    speeds = sorted(rows / r.wall for r in rounds)
    peak = max(r.peak_mb for r in rounds)
    console.print(
        f"{statistics.median(speeds):,.0f} rows/s as the user sees it ({speeds[0]:,.0f} to {speeds[-1]:,.0f})"
    )
    console.print(f"largest resident memory of the command: {peak:.0f} MB")


if __name__ == "__main__":
    main()
