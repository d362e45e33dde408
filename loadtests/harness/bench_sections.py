"""What is measured: unary, batch and stream, each for the price server and for two servers that do less.

echo      grpcio alone: the same request bytes, a constant reply as long as the price server's median one
bare      grpcio and onnxruntime and nothing else, the whole graph of the same version
ridgeline the price server, everything on
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import grpc

from harness.bench_credentials import credentials
from harness.bench_load import CHUNK_ROWS, BenchRows, Callers, ask, stream
from harness.bench_rounds import Sample
from harness.process_cpu import usage
from harness.server import RunningServer, running, serve_command
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import PricingClient
from ridgeline_client.channel import method
from ridgeline_client.description import ModelDescription

ECHO, BARE, RIDGELINE = "echo", "bare", "ridgeline"
KINDS = (ECHO, BARE, RIDGELINE)
WITHOUT = ("validation", "guard", "intervals", "metrics", "notices")
"""Features that can be switched off for the benchmark, by `peers/without.py`."""

SECTIONS = ("unary", "batch", "stream, 2% missing", "stream, 12% missing")

UNARY = Callers(16, connections=8)
BATCHES = Callers(4, connections=4)

_PEERS = Path(__file__).parents[1] / "peers"
_OPENING = pb.PredictStreamRequest(open=pb.StreamOpen()).SerializeToString()
_RECORDS, _BATCHES, _STREAM_ROWS = 500, 16, 100_000


@dataclass(frozen=True, slots=True)
class Section:
    """One comparison. `base` is the kind that ratios are against, `unit` what is counted."""

    name: str
    unit: str
    base: str
    measure: Callable[[RunningServer, str, float], Sample]


@contextmanager
def servers(
    models: Path, version: Path, replies: tuple[int, int, int], *, slowed: bool = False
) -> Iterator[dict[str, RunningServer]]:
    """All three, one process each, until the block ends; `slowed`: the price server prices several times."""
    address = "127.0.0.1:0"
    commands = {
        ECHO: [sys.executable, str(_PEERS / "echo.py"), address, *map(str, replies)],
        BARE: [sys.executable, str(_PEERS / "bare.py"), address, str(version)],
        RIDGELINE: serve_command(models, [sys.executable, str(_PEERS / "slowed.py")])
        if slowed
        else serve_command(models),
    }
    with _all_running(commands) as started:
        yield started


@contextmanager
def servers_without(models: Path) -> Iterator[dict[str, RunningServer]]:
    """The price server, and once more without each feature, until the block ends."""
    commands = {RIDGELINE: serve_command(models)}
    for feature in WITHOUT:
        patched = [sys.executable, str(_PEERS / "without.py"), feature]
        commands[f"without {feature}"] = serve_command(models, patched)
    with _all_running(commands) as started:
        yield started


@contextmanager
def servers_guarded(models: Path, folder: Path) -> Iterator[dict[str, RunningServer]]:
    """The price server, and once more with tokens, TLS and both, until the block ends. What they need is made
    in `folder`."""
    made = credentials(folder)
    commands = {RIDGELINE: serve_command(models)}
    commands |= {kind: [*serve_command(models), *flags] for kind, (flags, _) in made.items()}
    with _all_running(commands) as started:
        yield {
            kind: replace(server, way=made[kind][1]) if kind in made else server
            for kind, server in started.items()
        }


@contextmanager
def _all_running(commands: Mapping[str, list[str]]) -> Iterator[dict[str, RunningServer]]:
    with ExitStack() as stack:
        yield {kind: stack.enter_context(running(command)) for kind, command in commands.items()}


def described(address: str) -> ModelDescription:
    """The default model of a server, with its reference profile."""
    with PricingClient(address, timeout=60.0) as client:
        return client.describe(full=True)


def reply_sizes(address: str, description: ModelDescription) -> tuple[int, int, int]:
    """Median bytes of the price server's answers to one record, to a batch and to a chunk."""
    rows = BenchRows(description, 20 * CHUNK_ROWS, 0.02, seed=1)
    singles = _sizes(address, "Predict", rows.records()[:200])
    batch = _sizes(address, "PredictBatch", rows.batches(5))
    return singles, batch, batch


def sections(description: ModelDescription) -> list[Section]:
    """Everything that is compared, its requests made."""
    few = BenchRows(description, _RECORDS, 0.02, seed=2)
    rows = BenchRows(description, _STREAM_ROWS, 0.02, seed=3)
    gaps = BenchRows(description, _STREAM_ROWS, 0.12, seed=4)
    batch = _asking("PredictBatch", rows.batches(_BATCHES), BATCHES, CHUNK_ROWS)
    return [
        Section(SECTIONS[0], "request", ECHO, _asking("Predict", few.records(), UNARY, 1)),
        Section(SECTIONS[1], "row", BARE, batch),
        Section(SECTIONS[2], "row", BARE, _streaming(rows)),
        Section(SECTIONS[3], "row", BARE, _streaming(gaps)),
    ]


def _asking(
    name: str, requests: list[bytes], callers: Callers, rows: int
) -> Callable[[RunningServer, str, float], Sample]:
    def measure(server: RunningServer, _kind: str, seconds: float) -> Sample:
        before, began = usage(server.pid).cpu_s, time.perf_counter()
        latency = ask(server.address, name, requests, callers, seconds, server.way)
        took = time.perf_counter() - began
        return Sample(latency.count * rows, took, usage(server.pid).cpu_s - before, latency)

    return measure


def _streaming(rows: BenchRows) -> Callable[[RunningServer, str, float], Sample]:
    def measure(server: RunningServer, kind: str, seconds: float) -> Sample:
        before, began = usage(server.pid).cpu_s, time.perf_counter()
        opening = None if kind in (ECHO, BARE) else _OPENING
        latency = stream(server.address, opening, rows.chunks(), seconds, server.way)
        took = time.perf_counter() - began
        return Sample(latency.count * CHUNK_ROWS, took, usage(server.pid).cpu_s - before, latency)

    return measure


def _sizes(address: str, name: str, requests: list[bytes]) -> int:
    with grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
        call: Callable[..., bytes] = channel.unary_unary(method(name))
        return int(statistics.median(len(call(request, timeout=60.0)) for request in requests))
