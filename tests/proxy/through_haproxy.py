"""What callers at an edge get through HAProxy, and what they do not: `make proxy-test`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import ModelNotFound
from ridgeline_client.status import error_of
from ridgeline_server.app import App
from support.proxy import Edge, certificate, edge
from support.servers import ANY_PORT, serving
from support.wire import TIMEOUT, Wire, batch_request, connect, record

ROWS = 10_000
CHUNKS = 20
FEW = 3


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("edge")).parent


@pytest.fixture(scope="module")
def outside(toy_server: App, files: Path) -> Iterator[Edge]:
    with edge(toy_server, files) as outside:
        yield outside


@pytest.fixture
def wire(outside: Edge) -> Iterator[Wire]:
    with outside.connect() as wire:
        yield wire


def failure(call: Any, *arguments: Any, **options: Any) -> Any:
    """The error that a call ends with."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, timeout=TIMEOUT, **options)
    return caught.value


def test_a_price_is_the_price_without_the_proxy(wire: Wire, toy_server: App) -> None:
    with connect(toy_server.address) as direct:
        for brand in ("Acme", "never seen", ""):
            of = record(brand=brand)
            there, here = wire.ask("predict", of), direct.ask("predict", of)
            here.prediction_set_id = there.prediction_set_id
            assert there == here


def test_a_large_batch_passes(wire: Wire) -> None:
    answer = wire.predict_batch(batch_request("columns", [record()] * ROWS))
    assert len(answer.predictions.price) == ROWS


def test_an_error_keeps_its_details(wire: Wire) -> None:
    error = failure(wire.stub.Predict, pb.PredictRequest(model="none", record=record()))
    assert isinstance(error_of(error, "", TIMEOUT), ModelNotFound)


def test_a_stream_is_answered_chunk_by_chunk(wire: Wire) -> None:
    """Each chunk is sent when the one before is answered: a proxy that collects would wait for ever."""
    sent: SimpleQueue[pb.PredictStreamRequest | None] = SimpleQueue()
    sent.put(pb.PredictStreamRequest(open=pb.StreamOpen()))
    answers = wire.stub.PredictStream(iter(sent.get, None), timeout=TIMEOUT)
    assert next(answers).HasField("opened")
    columns = batch_request("columns", [record()]).columns
    for sequence in range(CHUNKS):
        sent.put(pb.PredictStreamRequest(chunk=pb.Chunk(sequence=sequence, columns=columns)))
        assert next(answers).result.sequence == sequence
    sent.put(None)
    assert list(answers) == []


@pytest.mark.parametrize(
    "path",
    [
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/ridgeline.v1.ModelAdminService/Promote",
        "/metrics",
    ],
)
def test_other_methods_than_prices_do_not_reach_the_server(wire: Wire, path: str) -> None:
    call: Any = wire.channel.unary_unary(path)
    error = failure(call, b"")
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert error.details() == "not served at this edge"


def test_nobody_comes_in_without_tls(outside: Edge) -> None:
    with connect(outside.address) as plain:
        error = failure(plain.stub.Predict, pb.PredictRequest(record=record()))
    assert error.code() is grpc.StatusCode.UNAVAILABLE


def test_more_calls_than_an_address_may_make_are_told_when_to_come_back(toy_server: App, files: Path) -> None:
    with edge(toy_server, files, MAX_CALLS=FEW) as strict, strict.connect() as wire:
        codes: Counter[object] = Counter()
        for _ in range(3 * FEW):
            try:
                wire.predict(pb.PredictRequest(record=record()))
                codes["priced"] += 1
            except grpc.RpcError as refused:
                error: Any = refused
                codes[error.code()] += 1
                told = {**dict(error.initial_metadata()), **dict(error.trailing_metadata())}
                assert told["grpc-retry-pushback-ms"] == "1000"
                assert error.details() == "too many calls from this address"
    assert codes == {"priced": FEW, grpc.StatusCode.RESOURCE_EXHAUSTED: 2 * FEW}


def test_more_connections_than_an_address_may_have_are_refused_and_places_come_back(
    toy_server: App, files: Path
) -> None:
    with edge(toy_server, files, MAX_CONNECTIONS=FEW) as strict:
        with ExitStack() as stack:
            for _ in range(FEW):
                stack.enter_context(strict.connect()).predict(pb.PredictRequest(record=record()))
            with strict.connect() as one_more:
                error = failure(one_more.stub.Predict, pb.PredictRequest(record=record()))
            assert error.code() is grpc.StatusCode.UNAVAILABLE
        with strict.connect() as later:
            later.stub.Predict(pb.PredictRequest(record=record()), timeout=TIMEOUT, wait_for_ready=True)


def test_while_no_server_is_ready_callers_are_told_unavailable(toy_models: Path, files: Path) -> None:
    with serving(toy_models, ops_address=ANY_PORT) as server:
        with edge(server, files) as outside, outside.connect() as wire:
            wire.predict(pb.PredictRequest(record=record()))
            server.stop()
            error = failure(wire.stub.Predict, pb.PredictRequest(record=record()))
            assert error.code() is grpc.StatusCode.UNAVAILABLE
