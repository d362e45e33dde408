"""Rows per second on a running server, with a clock that the test turns: calls are refused, streams wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import PricingClient, RetryPolicy
from ridgeline_client.errors import Overloaded
from ridgeline_server import app as app_module
from ridgeline_server.access.roles import Role
from ridgeline_server.app import App
from ridgeline_server.token_file import TokenFile
from ridgeline_server.transport import unpack
from ridgeline_server.transport.access import Access
from support.conversation import Conversation
from support.gate import Gate
from support.scrape import Scrape
from support.servers import ANY_PORT, new_app
from support.status import Refusal, refused
from support.tokens import Tokens
from support.wire import FEATURES, TIMEOUT, Wire, batch_request, connect, record

RATE = 10
EXCEEDED = (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_EXCEEDED")


class Clock:
    """Stands still unless it is turned; counts how often it was read."""

    def __init__(self) -> None:
        self._now = 0.0
        self._read = threading.Semaphore(0)

    def __call__(self) -> float:
        self._read.release()
        return self._now

    def turn(self, seconds: float) -> None:
        """Let time pass, and count readings from zero."""
        self._now += seconds
        self.forget()

    def forget(self) -> None:
        """Count readings from zero."""
        while self._read.acquire(blocking=False):
            pass

    def wait_read(self, times: int) -> None:
        """Wait until it was read so often."""
        for _ in range(times):
            assert self._read.acquire(timeout=TIMEOUT)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()

    def access(tokens: TokenFile) -> Access:
        return Access(lambda: tokens.register, clock=clock)

    monkeypatch.setattr(app_module, "_access", access)
    return clock


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    tokens = Tokens(tmp_path / "tokens.json")
    tokens.enter("batch", Role.PREDICT, rows_per_second=RATE)
    tokens.enter("shop", Role.PREDICT)
    return tokens


@pytest.fixture
def limited(toy_models: Path, tokens: Tokens, clock: Clock) -> Iterator[App]:
    """A server where "batch" has a rate and "shop" has none."""
    app = new_app(toy_models, tokens=str(tokens.path), ops_address=ANY_PORT)
    app.listen()
    app.load()
    yield app
    app.stop()


@pytest.fixture
def wire(limited: App) -> Iterator[Wire]:
    with connect(limited.address) as wire:
        yield wire


def credential(tokens: Tokens, name: str) -> dict[str, Any]:
    return {"metadata": (("authorization", f"Bearer {tokens.of[name]}"),), "timeout": TIMEOUT}


def batch(rows: int) -> pb.PredictBatchRequest:
    return batch_request("columns", [record()] * rows)


def exceeded(refusal: Refusal) -> str | bytes:
    """The pushback of a refusal for a rate."""
    assert (refusal.code, refusal.reason) == EXCEEDED
    return refusal.trailers["grpc-retry-pushback-ms"]


def test_a_call_with_more_rows_than_are_there_is_refused_before_it_is_priced(
    wire: Wire, limited: App, tokens: Tokens, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    mine = credential(tokens, "batch")
    wire.stub.PredictBatch(batch(8), **mine)
    wire.stub.Predict(pb.PredictRequest(record=record()), **mine)
    priced = gate.runs
    assert exceeded(refused(partial(wire.stub.PredictBatch, batch(5), **mine))) == "400"
    assert gate.runs == priced
    clock.turn(0.4)
    assert len(wire.stub.PredictBatch(batch(5), **mine).predictions.price) == 5
    single = partial(wire.stub.Predict, pb.PredictRequest(record=record()), **mine)
    assert exceeded(refused(single)) == "100"
    count = {"method": "PredictBatch", "code": "RESOURCE_EXHAUSTED", "reason": "RATE_EXCEEDED"}
    assert Scrape.of(limited).value("ridgeline_calls_total", **count) == 1


@pytest.mark.parametrize("form", ["columns", "rows"])
def test_rows_over_the_rate_are_refused_before_they_are_unpacked(
    wire: Wire, tokens: Tokens, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    unpacked: list[str] = []
    for name in ("columns", "records"):
        monkeypatch.setattr(unpack, name, lambda *_, name=name: unpacked.append(name))
    many = batch_request(form, [record()] * (RATE + 1))
    exceeded(refused(partial(wire.stub.PredictBatch, many, **credential(tokens, "batch"))))
    assert unpacked == []


def test_a_call_with_more_rows_than_ever_are_there_is_told_not_to_come_back(
    wire: Wire, tokens: Tokens
) -> None:
    refusal = refused(partial(wire.stub.PredictBatch, batch(RATE + 1), **credential(tokens, "batch")))
    assert int(exceeded(refusal)) < 0
    assert "send at most 10 rows in one call" in refusal.message
    assert dict(refusal.info.metadata) == {"rows": "11", "rows_per_second": "10"}


def test_the_rate_of_one_caller_is_not_that_of_another(wire: Wire, tokens: Tokens) -> None:
    wire.stub.PredictBatch(batch(RATE), **credential(tokens, "batch"))
    assert len(wire.stub.PredictBatch(batch(100), **credential(tokens, "shop")).predictions.price) == 100


def test_a_change_of_the_file_gives_nobody_more(wire: Wire, limited: App, tokens: Tokens) -> None:
    mine = credential(tokens, "batch")
    wire.stub.PredictBatch(batch(RATE), **mine)
    tokens.enter("new", Role.PREDICT)
    assert limited._tokens
    limited._tokens.look()
    assert exceeded(refused(partial(wire.stub.PredictBatch, batch(1), **mine))) == "100"


def test_wrong_rows_count_and_oversized_batches_do_not(wire: Wire, tokens: Tokens) -> None:
    mine = credential(tokens, "batch")
    too_many = pb.PredictBatchRequest(rows=pb.Records(records=[record()] * 1_001))
    assert refused(partial(wire.stub.PredictBatch, too_many, **mine)).reason == "ROW_LIMIT_EXCEEDED"
    wrong = batch_request("columns", [record(ram=-1.0)] * RATE)
    wire.stub.PredictBatch(wrong, **mine)
    assert exceeded(refused(partial(wire.stub.PredictBatch, batch(1), **mine))) == "100"


def test_a_chunk_over_the_rate_is_not_priced_until_what_is_owed_has_come_in(
    wire: Wire, tokens: Tokens, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    stream = Conversation(wire, **credential(tokens, "batch"))
    stream.send(3 * RATE)
    assert stream.answer().row_count == 3 * RATE
    stream.send(7)
    clock.forget()
    clock.wait_read(3)
    assert gate.runs == 1
    clock.turn(1.9)
    clock.wait_read(3)
    assert gate.runs == 1
    clock.turn(0.1)
    assert stream.answer().row_count == 7
    stream.end()
    assert list(stream.call) == []
    assert stream.call.code() is grpc.StatusCode.OK


def test_calls_beside_a_stream_that_owes_are_refused_until_it_does_not(
    wire: Wire, tokens: Tokens, clock: Clock
) -> None:
    mine = credential(tokens, "batch")
    stream = Conversation(wire, **mine)
    stream.send(2 * RATE)
    assert stream.answer().row_count == 2 * RATE
    single = partial(wire.stub.Predict, pb.PredictRequest(record=record()), **mine)
    assert exceeded(refused(single)) == "1100"
    clock.turn(1.1)
    assert single().currency_code == "EUR"
    stream.end()
    assert list(stream.call) == []


def indebted(wire: Wire, tokens: Tokens, clock: Clock) -> Conversation:
    """A stream that waits for its rate, and a clock that stands still."""
    stream = Conversation(wire, **credential(tokens, "batch"))
    stream.send(1_000)
    assert stream.answer().row_count == 1_000
    clock.forget()
    stream.send(1)
    clock.wait_read(3)
    return stream


def test_a_stream_that_waits_for_its_rate_ends_with_a_drain(
    wire: Wire, limited: App, tokens: Tokens, clock: Clock
) -> None:
    stream = indebted(wire, tokens, clock)
    limited.stop()
    refusal = refused(lambda: list(stream.call))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "NOT_READY")
    assert limited._listener._streams.wait_idle(TIMEOUT)


def test_a_stream_that_waits_for_its_rate_ends_with_its_caller(
    wire: Wire, limited: App, tokens: Tokens, clock: Clock
) -> None:
    stream = indebted(wire, tokens, clock)
    stream.call.cancel()
    assert limited._listener._streams.wait_idle(TIMEOUT)
    stream.end()


def test_our_client_waits_as_long_as_it_is_told(limited: App, tokens: Tokens, clock: Clock) -> None:
    patient = RetryPolicy(max_attempts=5, initial_backoff=600, max_backoff=600)
    with PricingClient(limited.address, timeout=TIMEOUT, token=tokens.of["batch"], retry=patient) as client:
        client.predict_batch({name: [value] * RATE for name, value in FEATURES.items()})
        clock.forget()
        answers: SimpleQueue[Any] = SimpleQueue()
        asking = threading.Thread(target=lambda: answers.put(client.predict(FEATURES)))
        asking.start()
        clock.wait_read(1)
        clock.turn(0.1)
        assert answers.get(timeout=TIMEOUT).currency == "EUR"
        asking.join()


def test_our_client_says_what_the_rate_is(limited: App, tokens: Tokens) -> None:
    with PricingClient(limited.address, timeout=TIMEOUT, token=tokens.of["batch"]) as client:
        with pytest.raises(Overloaded, match="^11 rows are more than your rate of 10 rows") as caught:
            client.predict_batch({"ram": [32.0] * (RATE + 1)})
    assert (caught.value.reason, caught.value.retry_after) == ("RATE_EXCEEDED", None)
