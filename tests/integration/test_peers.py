"""The servers that the benchmark compares with: they do what they are said to do, or to leave out."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

import bench
from harness.bench_load import BenchRows
from harness.bench_sections import BARE, ECHO, RIDGELINE, WITHOUT, described, servers
from harness.server import RunningServer, running, serve_command
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import NoticeKind, PredictionBatch, PricingClient
from ridgeline_client.channel import method

PEERS = Path(bench.__file__).parent / "peers"
SIZES = (11, 22, 33)
CHUNKS = 3
PATIENCE_S = 60.0

# Usual; outside its valid range; almost all of it missing, which the guard answers instead of the model.
TABLE: dict[str, list[Any]] = {
    "ram": [8.0, 5_000.0, math.nan],
    "screen": [11.0, 11.0, math.nan],
    "weight": [1.0, 1.0, math.nan],
    "brand": ["Acme", "Acme", "who"],
    "port_code": ["1", "1", ""],
}


@pytest.fixture(scope="module")
def compared(toy_models: Path) -> Iterator[dict[str, RunningServer]]:
    """All servers of the benchmark, on the small model."""
    with servers(toy_models, toy_models / "toys" / "1", SIZES) as started:
        yield started


@pytest.fixture(scope="module")
def rows(compared: dict[str, RunningServer]) -> BenchRows:
    return BenchRows(described(compared[RIDGELINE].address), 5_000, 0.1, seed=1)


@contextmanager
def calling(server: RunningServer, name: str) -> Iterator[Callable[..., Any]]:
    """A method that takes serialised requests and answers bytes."""
    with grpc.insecure_channel(server.address) as channel:
        kind = channel.stream_stream if name == "PredictStream" else channel.unary_unary
        yield kind(method(name))


def singles(server: RunningServer, rows: BenchRows) -> list[bytes]:
    with calling(server, "Predict") as call:
        return [call(request, timeout=PATIENCE_S) for request in rows.records()[:50]]


def batch(server: RunningServer, rows: BenchRows) -> bytes:
    with calling(server, "PredictBatch") as call:
        answer: bytes = call(rows.batches(1)[0], timeout=PATIENCE_S)
        return answer


def chunks(server: RunningServer, rows: BenchRows, *opening: bytes) -> list[bytes]:
    sent = (chunk for chunk, _ in zip(rows.chunks(), range(CHUNKS), strict=False))
    with calling(server, "PredictStream") as call:
        return list(call(iter([*opening, *sent]), timeout=PATIENCE_S))


def test_the_bare_server_runs_the_same_model_on_the_same_bytes(
    compared: dict[str, RunningServer], rows: BenchRows
) -> None:
    bare, ours = compared[BARE], compared[RIDGELINE]
    opening = pb.PredictStreamRequest(open=pb.StreamOpen()).SerializeToString()
    single, many, streamed = (
        [[pb.PredictResponse.FromString(data).prediction for data in singles(s, rows)] for s in (bare, ours)],
        [pb.PredictBatchResponse.FromString(batch(s, rows)).predictions for s in (bare, ours)],
        [chunks(bare, rows), chunks(ours, rows, opening)[1:]],
    )
    assert [p.price for p in single[0]] == [p.model_price for p in single[1]]
    assert many[0].price == many[1].model_price
    assert len(streamed[0]) == CHUNKS
    for one, other in zip(*streamed, strict=True):
        theirs, mine = (pb.PredictStreamResponse.FromString(data).result for data in (one, other))
        assert theirs.sequence == mine.sequence
        assert theirs.predictions.price == mine.predictions.model_price


def test_the_echo_answers_every_request_with_as_many_bytes_as_it_was_told(
    compared: dict[str, RunningServer], rows: BenchRows
) -> None:
    echo = compared[ECHO]
    assert {len(answer) for answer in singles(echo, rows)} == {SIZES[0]}
    assert len(batch(echo, rows)) == SIZES[1]
    assert [len(answer) for answer in chunks(echo, rows)] == [SIZES[2]] * CHUNKS


def priced(models: Path, *program: str) -> PredictionBatch:
    """What a server that is changed answers to TABLE; single records get the same prices."""
    with running(serve_command(models, [sys.executable, *program])) as server:
        with PricingClient(server.address, timeout=PATIENCE_S) as client:
            answer = client.predict_batch(TABLE)
            records = BenchRows(client.describe(full=True), 100, 0.1, seed=1)
            prices = client.predict_batch(records.table(0, 100)).price
        with calling(server, "Predict") as call:
            answers = [call(request, timeout=PATIENCE_S) for request in records.records()]
    assert [pb.PredictResponse.FromString(data).prediction.price for data in answers] == prices.tolist()
    return answer


LEFT_OUT: dict[str, Callable[[PredictionBatch], bool]] = {
    "validation": lambda answer: not math.isnan(answer.price[1]),
    "guard": lambda answer: not answer.flags[2] & NoticeKind.FALLBACK.bit,
    "intervals": lambda answer: bool(answer.lower[0] == answer.upper[0]),
    "metrics": lambda _: False,  # nothing of it is in an answer
    "notices": lambda answer: not answer.notice_counts,
}


@pytest.mark.parametrize("feature", WITHOUT)
def test_without_a_feature_the_server_answers_and_leaves_out_that_one(toy_models: Path, feature: str) -> None:
    answer = priced(toy_models, str(PEERS / "without.py"), feature)
    left_out = {name for name, is_left_out in LEFT_OUT.items() if is_left_out(answer)}
    assert left_out == {feature} - {"metrics"}


def test_the_planted_slowdown_changes_no_price(toy_models: Path) -> None:
    slowed, usual = priced(toy_models, str(PEERS / "slowed.py")), priced(toy_models, "-m", "ridgeline_server")
    # Pricing fills gaps where they are, so what is priced again has none left for the guard to see.
    np.testing.assert_array_equal(slowed.price[:2], usual.price[:2])
    assert not any(is_left_out(usual) for is_left_out in LEFT_OUT.values())
