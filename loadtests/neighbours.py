"""How long single prices take beside a stream that sends as fast as it can, in one server process.

Rounds of both in turns: a few callers ask for one price at a time, alone and beside one stream of large
chunks. What counts is the ratio within a round. Exit code 0: all calls were answered; 1: not, or `--check`
found them to wait too much longer beside the stream.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.bench_load import BenchRows, stream
from harness.bench_sections import described
from harness.calls import OK, Calls, price_calls, run
from harness.closed_loop import Bounds, run_closed
from harness.server import ServerFailed, server_of
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import RidgelineError

WARMUP_S = 1.0
_DISTINCT_CHUNKS = 4
MOST = {"p50_ms": 2.0, "p99_ms": 10.0}
"""How many times as long as alone a single price may take beside the stream: the median of the rounds."""
_PATIENCE_S = 60.0
_SPAWN = get_context("spawn")  # gRPC runs in this process, so it must not be forked


@dataclass(frozen=True, slots=True)
class Seen:
    """What the callers of single prices saw: calls with OK a second, latency in ms, calls that failed."""

    rate: float
    p50_ms: float
    p99_ms: float
    failed: int


@dataclass(frozen=True, slots=True)
class Round:
    """The same callers alone and beside a stream, which got `rows_per_s` rows priced."""

    alone: Seen
    beside: Seen
    rows_per_s: float


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    arguments = _arguments(argv)
    try:
        with server_of("", arguments.models, apart=True) as (address, _):
            asked = price_calls(address)
            gc.freeze()
            _alone(asked, arguments.callers, WARMUP_S)
            rounds = [_round(asked, arguments) for _ in range(arguments.rounds)]
    except (RidgelineError, ServerFailed, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps([asdict(each) for each in rounds], indent=2))
    else:
        _show(rounds, arguments, Console(highlight=False, soft_wrap=True))
    slow = too_slow(rounds) if arguments.check else []
    for problem in slow:
        print(problem, file=sys.stderr)
    return 1 if slow or any(each.alone.failed or each.beside.failed for each in rounds) else 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each half of a round")
    parser.add_argument("--callers", type=int, default=2, help="callers of single prices, a connection each")
    parser.add_argument("--chunk-rows", type=int, default=10_000, help="rows of each chunk of the stream")
    parser.add_argument("--models", type=Path, default=Path("models"), help="what the server serves")
    parser.add_argument("--check", action="store_true", help="exit code 1 when ratios are above the bounds")
    parser.add_argument("--json", action="store_true", help="a JSON list instead of a table")
    arguments = parser.parse_args(argv)
    if not 1 <= arguments.rounds <= 100 or not 0 < arguments.seconds <= 600:
        parser.error("give --rounds from 1 to 100 and --seconds above 0, at most 600")
    return arguments


def too_slow(rounds: Sequence[Round]) -> list[str]:
    """Say which latencies are more than `MOST` times as long beside the stream."""
    return [
        f"{figure.removesuffix('_ms')}: {ratio:.2f} times as long beside the stream, at most {most:g} allowed"
        for figure, most in MOST.items()
        if (ratio := statistics.median(_ratios(rounds, figure))) > most
    ]


def _ratios(rounds: Sequence[Round], figure: str) -> list[float]:
    return [getattr(each.beside, figure) / getattr(each.alone, figure) for each in rounds]


def _round(asked: Calls, arguments: argparse.Namespace) -> Round:
    alone = _alone(asked, arguments.callers, arguments.seconds)
    with _streaming(asked.address, arguments.chunk_rows, arguments.seconds + WARMUP_S) as rate:
        beside = _alone(asked, arguments.callers, arguments.seconds)
    return Round(alone, beside, rate())


def _alone(asked: Calls, callers: int, seconds: float) -> Seen:
    made = run(run_closed(asked, callers, Bounds(seconds)))
    p50, p99 = (made.latency.percentile(percent) / 1e3 for percent in (50, 99))
    return Seen(made.codes[OK] / made.seconds, p50, p99, made.codes.total() - made.codes[OK])


@contextmanager
def _streaming(address: str, rows: int, seconds: float) -> Iterator[Any]:
    """A stream in a process of its own while the block runs; yields what then tells its rows a second."""
    mine, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_stream, args=(address, rows, seconds, theirs))
    process.start()
    try:
        if not mine.poll(_PATIENCE_S):
            raise ServerFailed(f"a stream to {address} has not begun within {_PATIENCE_S:g} s")
        mine.recv()
        yield lambda: mine.recv() if mine.poll(seconds + _PATIENCE_S) else 0.0
        process.join(seconds + _PATIENCE_S)
    finally:
        process.kill()


def _stream(address: str, rows: int, seconds: float, told: Any) -> None:
    packed = itertools.islice(
        BenchRows(described(address), _DISTINCT_CHUNKS * rows, 0.02, seed=5).chunks(rows), _DISTINCT_CHUNKS
    )
    opening = pb.PredictStreamRequest(open=pb.StreamOpen()).SerializeToString()
    chunks = _numbered(list(packed))
    told.send(None)
    latency = stream(address, opening, chunks, seconds)
    told.send(latency.count * rows / seconds)


def _numbered(chunks: Sequence[bytes]) -> Iterator[bytes]:
    """The chunks over and over: protobuf merges a message that comes twice, so a later number counts."""
    for sequence, chunk in enumerate(itertools.cycle(chunks)):
        number = pb.PredictStreamRequest(chunk=pb.Chunk(sequence=sequence))
        yield chunk + number.SerializeToString()


def _show(rounds: Sequence[Round], arguments: argparse.Namespace, console: Console) -> None:
    table = Table(title=f"Predict, {arguments.callers} callers, median of {len(rounds)} rounds (range)")
    for header in ("", "calls/s", "p50 ms", "p99 ms"):
        table.add_column(header, justify="right" if header else "left")
    alone, beside = [each.alone for each in rounds], [each.beside for each in rounds]
    for name, seen in (("alone", alone), (f"beside chunks of {arguments.chunk_rows:,}", beside)):
        table.add_row(name, *(_spread([getattr(s, f) for s in seen]) for f in ("rate", "p50_ms", "p99_ms")))
    table.add_row("ratio", *(_spread(_ratios(rounds, figure)) for figure in ("rate", *MOST)))
    console.print(table)
    console.print(f"rows/s of the stream: {statistics.median(each.rows_per_s for each in rounds):,.0f}")


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):,.2f} ({min(values):,.2f} to {max(values):,.2f})"


if __name__ == "__main__":
    sys.exit(main())
