"""Nothing is computed for callers who no longer wait, and none waits for ever."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import Overloaded, PricingClient, RetryPolicy
from ridgeline_server.engine.blocks import BLOCK_ROWS
from ridgeline_server.monitoring.line_limit import LINES_PER_SECOND, LineLimit
from ridgeline_server.transport import rpc
from support.gate import Gate
from support.servers import serving
from support.status import decode, refused
from support.wire import FEATURES, TIMEOUT, batch_request, columns, connect, record

REQUEST = pb.PredictRequest(record=record())
BLOCKS = 2
LARGE = batch_request("columns", [record()] * (BLOCKS * BLOCK_ROWS))
ONE_THREAD = {"active_threads": 1, "max_threads": 2, "message_timeout_s": TIMEOUT}


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(monkeypatch)
    yield gate
    gate.open()


def test_a_batch_whose_caller_leaves_is_given_up_at_its_next_block(toy_models: Path, gate: Gate) -> None:
    with serving(toy_models, **ONE_THREAD) as app, connect(app.address) as wire:
        gate.close()
        call = wire.stub.PredictBatch.future(LARGE, timeout=TIMEOUT)
        gate.wait_entered()
        call.cancel()
        wire.check()  # same connection: the server knows by now
        gate.open()
        wire.predict(REQUEST)  # one thread: it comes after the batch
        assert gate.runs == 2


def test_a_chunk_whose_caller_leaves_is_given_up_at_its_next_block(toy_models: Path, gate: Gate) -> None:
    chunk = pb.Chunk(columns=columns([record()] * (BLOCKS * BLOCK_ROWS)))
    messages = [pb.PredictStreamRequest(open=pb.StreamOpen()), pb.PredictStreamRequest(chunk=chunk)]
    with serving(toy_models) as app, connect(app.address) as wire:
        gate.close()
        call = wire.stub.PredictStream(iter(messages), timeout=TIMEOUT)
        assert next(call).WhichOneof("message") == "opened"
        gate.wait_entered()
        call.cancel()
        wire.check()
        gate.open()
        assert app._listener._streams.wait_idle(TIMEOUT)
        assert gate.runs == 1


@pytest.mark.parametrize("deadline", [None, 10 * TIMEOUT])
def test_a_call_that_waits_too_long_is_told_so_and_never_computed(
    toy_models: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch, deadline: float | None
) -> None:
    with serving(toy_models, max_call_s=60.0, **ONE_THREAD) as app, connect(app.address) as wire:
        gate.close()
        working = wire.stub.Predict.future(REQUEST, timeout=TIMEOUT)
        gate.wait_entered()
        minutes_ago = SimpleNamespace(perf_counter=lambda: time.perf_counter() - 61.0)
        monkeypatch.setattr(rpc, "time", minutes_ago)  # when the next call came
        waiting = wire.stub.Predict.future(REQUEST, timeout=deadline)
        wire.check()  # same connection: the call has come by now
        monkeypatch.setattr(rpc, "time", time)
        gate.open()
        refusal = refused(waiting.result)
        assert working.result().currency_code == "EUR"
        assert gate.runs == 1
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    assert "max_call_s" in refusal.message


def test_a_stream_may_live_longer_than_a_call(toy_models: Path) -> None:
    with serving(toy_models, max_call_s=1e-9) as app, connect(app.address) as wire:
        messages = [pb.PredictStreamRequest(open=pb.StreamOpen())]
        messages += [
            pb.PredictStreamRequest(chunk=pb.Chunk(sequence=n, columns=columns([record()]))) for n in range(3)
        ]
        results = list(wire.stub.PredictStream(iter(messages), timeout=TIMEOUT))
        assert [bool(each.result.predictions.price) for each in results] == [False, True, True, True]


def test_our_client_obeys_the_pushback_and_gives_up_after_its_attempts(
    toy_models: Path, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    # a wait of its own would be an hour: only the server's pushback lets it end
    retry = RetryPolicy(max_attempts=4, initial_backoff=3600.0, max_backoff=3600.0)
    with serving(toy_models, max_waiting_calls=1, **ONE_THREAD) as app, connect(app.address) as wire:
        with PricingClient(app.address, timeout=TIMEOUT, retry=retry) as client:
            client.predict(FEATURES)
            gate.close()
            held = [wire.stub.Predict.future(REQUEST, timeout=TIMEOUT)]
            gate.wait_entered()
            held.append(wire.stub.Predict.future(REQUEST, timeout=TIMEOUT))
            wire.check()
            with caplog.at_level(logging.WARNING), pytest.raises(Overloaded) as caught:
                client.predict(FEATURES)
            gate.open()
            assert [call.result().currency_code for call in held] == ["EUR"] * 2
    shed = [r for r in caplog.records if getattr(r, "fields", {}).get("reason") == "OVERLOADED"]
    assert len(shed) == 4
    assert caught.value.retry_after == 0.1


def test_a_flood_of_failed_calls_is_few_lines_and_the_next_one_tells_of_the_others(
    toy_models: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    monkeypatch.setattr("ridgeline_server.transport.call.LineLimit", lambda _: LineLimit(lambda: seconds[0]))
    nobody = pb.PredictRequest(model="nobody")
    with serving(toy_models) as app, connect(app.address) as wire, caplog.at_level(logging.INFO):
        flood = [wire.stub.Predict.future(nobody, timeout=TIMEOUT) for _ in range(50)]
        assert {decode(call.exception(TIMEOUT)).reason for call in flood} == {"UNKNOWN_MODEL"}
        seconds[0] = 1.0
        refused(lambda: wire.predict(nobody))
    lines = [record for record in caplog.records if record.getMessage() == "failed call"]
    assert len(lines) == LINES_PER_SECOND + 1
    assert lines[-1].__dict__["fields"]["suppressed"] == 50 - LINES_PER_SECOND
