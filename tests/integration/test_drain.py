"""Calls when a server is told to stop: nothing that began is lost, all else is UNAVAILABLE."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from support.conversation import Conversation
from support.process import HELD_ROWS, ServerProcess, free_ports, server_process
from support.scrape import Scrape, Since
from support.servers import ANY_PORT, serving
from support.traffic import LOGGED, ServerSide, Traffic
from support.wire import SERVICE, TIMEOUT, batch_request, connect, record

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
NOT_SERVING, SERVING = 2, 1
LONG = "3600"
METHODS = ("Predict", "PredictBatch", "PredictStream")


def test_what_began_is_answered_all_else_is_unavailable_and_both_sides_agree(toy_models: Path) -> None:
    with server_process(*free_ports(toy_models), *LOGGED) as process:
        with Traffic(process.address()) as traffic:
            traffic.wait_flowing(calls=5)
            process.tell(signal.SIGTERM)
            assert process.wait() == 0
    server = ServerSide.of(process.stderr)
    assert traffic.strange(server) == set()
    assert traffic.lost(server) == 0
    for method in METHODS:
        assert server.calls[method, "OK"] == traffic.outcomes[method, "OK"] >= 5
    for kind in ("idle stream", "Watch"):
        assert traffic.outcomes[kind, "UNAVAILABLE"] >= 2
        assert traffic.outcomes[kind, "OK"] == 0


@pytest.fixture
def leaving(toy_models: Path) -> Iterator[tuple[ServerProcess, str, str]]:
    """A server that was told to stop and waits for load balancers, and its two addresses."""
    with server_process(*free_ports(toy_models), "--drain-delay-s", LONG) as process:
        ops = process.wait_line("/readyz").split("http://")[1].strip()
        address = process.address()
        process.tell(signal.SIGTERM)
        process.wait_line("unhealthy")
        yield process, address, ops


def test_until_load_balancers_have_noticed_calls_are_answered_by_an_unhealthy_server(
    leaving: tuple[ServerProcess, str, str],
) -> None:
    process, address, ops = leaving
    with connect(address) as wire:
        assert wire.check() == NOT_SERVING
        assert next(wire.watch()).status == NOT_SERVING
        with pytest.raises(HTTPError, match="503") as caught:
            urlopen(f"http://{ops}/readyz", timeout=TIMEOUT)
        assert caught.value.read() == b"lame_duck\n"
        assert wire.ask("predict", record()).prediction.price > 0
        stream = Conversation(wire)
        stream.send()
        stream.send()
        assert stream.answer().price[0] == stream.answer().price[0] > 0
        process.tell(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM
        assert stream.code() is UNAVAILABLE


def test_once_load_balancers_had_their_time_it_drains_and_leaves(toy_models: Path) -> None:
    flags = [*free_ports(toy_models), "--drain-delay-s", "0.05", "--drain-grace-s", LONG]
    with server_process(*flags) as process, connect(process.address()) as wire:
        stream = Conversation(wire)
        process.tell(signal.SIGTERM)
        assert process.wait() == 0
        assert stream.code() is UNAVAILABLE
    said = [process.stderr.index(text) for text in ("unhealthy", ": draining\n", "drained in")]
    assert said == sorted(said)


def test_what_is_not_answered_at_the_end_of_the_grace_is_cut_off_and_logged(toy_models: Path) -> None:
    flags = [*free_ports(toy_models), "--drain-grace-s", "0.3"]
    with server_process(*flags, held=True) as process, connect(process.address()) as wire:
        held = batch_request("columns", [record()] * HELD_ROWS)
        running = wire.stub.PredictBatch.future(held, timeout=TIMEOUT)
        process.wait_line("held")
        process.tell(signal.SIGTERM)
        assert process.wait() == 0
        assert running.exception(TIMEOUT).code() is UNAVAILABLE
    assert "the grace is over: 1 calls are cut off" in process.stderr


def test_callers_that_are_silent_are_told_unavailable_and_counted_as_such(toy_models: Path) -> None:
    with (
        serving(toy_models, ops_address=ANY_PORT, drain_grace_s=TIMEOUT) as app,
        connect(app.address) as wire,
    ):
        since = Since(app)
        stream = Conversation(wire)
        watch = wire.watch()
        assert next(watch).status == SERVING
        silent = wire.header_only("Predict")
        wire.check()  # same connection: the server has seen what came before
        app.drain()
        assert stream.code() is UNAVAILABLE
        assert silent.call.exception(TIMEOUT).code() is UNAVAILABLE
        assert [status.status for status in _rest(watch)] == [NOT_SERVING]
        assert watch.code() is UNAVAILABLE
        for method in ("Predict", "PredictStream"):
            ended = {"method": method, "code": "UNAVAILABLE", "reason": "NOT_READY"}
            assert since.value("ridgeline_calls_total", **ended) == 1


def test_an_answer_that_its_caller_has_not_read_yet_is_waited_for(toy_models: Path) -> None:
    unasked = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 1024)]
    with serving(toy_models, ops_address=ANY_PORT, drain_grace_s=TIMEOUT) as app:
        with grpc.insecure_channel(app.address, options=unasked) as channel:
            request = batch_request("columns", [record()] * 10_000).SerializeToString()
            slow: Any = channel.stream_stream(SERVICE + "PredictBatch")
            call = slow(iter([request]), timeout=TIMEOUT)
            while not Scrape.of(app).value("ridgeline_calls_total", method="PredictBatch", code="OK"):
                pass  # each look is a round trip
            draining = threading.Thread(target=app.drain)
            draining.start()
            assert app._listener._pool.wait_idle(TIMEOUT)
            assert app._listener._in_flight.count == 1
            assert draining.is_alive()
            (answer,) = call
            draining.join(TIMEOUT)
            assert not draining.is_alive()
    assert pb.PredictBatchResponse.FromString(answer).predictions.row_count == 10_000


def _rest(call: Any) -> list[Any]:
    answers: list[Any] = []
    with pytest.raises(grpc.RpcError):
        answers.extend(iter(call.__next__, None))
    return answers
