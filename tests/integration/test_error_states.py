"""Good requests at a bad time: overload, loading, draining, a deadline that passed."""

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
from ridgeline.v1.pricing_service_pb2_grpc import PricingServiceStub
from support.gate import Gate
from support.servers import new_app, serving
from support.status import decode, refused
from support.wire import DOORS, TIMEOUT, Wire, connect, record

GOOD = record()
REQUEST = pb.PredictRequest(record=GOOD)
NOT_SERVING, SERVING = 2, 1


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(monkeypatch)
    yield gate
    gate.open()


@pytest.fixture
def one_thread(toy_models: Path, gate: Gate) -> Iterator[Wire]:
    """A server that works on one call and lets one wait, with the gate closed."""
    limits = {"active_threads": 1, "max_threads": 2, "max_waiting_calls": 1, "message_timeout_s": TIMEOUT}
    with serving(toy_models, **limits) as app, connect(app.address) as wire:
        gate.close()
        yield wire
        gate.open()


def test_too_many_calls_are_shed_with_a_pushback_and_the_others_are_answered(
    one_thread: Wire, gate: Gate
) -> None:
    working = one_thread.stub.Predict.future(REQUEST, timeout=TIMEOUT)
    gate.wait_entered()
    ended: SimpleQueue[Any] = SimpleQueue()
    others = [one_thread.stub.Predict.future(REQUEST, timeout=TIMEOUT) for _ in range(5)]
    for other in others:
        other.add_done_callback(ended.put)
    shed = [ended.get(timeout=TIMEOUT) for _ in range(4)]
    gate.open()
    for refusal in map(decode, shed):
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert int(refusal.trailers["grpc-retry-pushback-ms"]) > 0
    (waiting,) = set(others) - set(shed)
    assert working.result().prediction.price == waiting.result().prediction.price
    assert one_thread.predict(REQUEST).prediction.price == working.result().prediction.price


def test_a_shed_call_does_not_wait_for_its_message_and_health_is_answered_beside_it(
    one_thread: Wire, gate: Gate
) -> None:
    working = one_thread.stub.Predict.future(REQUEST, timeout=TIMEOUT)
    gate.wait_entered()
    silent = [one_thread.header_only("Predict") for _ in range(3)]
    ended: SimpleQueue[Any] = SimpleQueue()
    for caller in silent:
        caller.call.add_done_callback(ended.put)
    assert [decode(ended.get(timeout=TIMEOUT)).reason for _ in range(2)] == ["OVERLOADED"] * 2
    assert one_thread.check() == SERVING
    gate.open()
    working.result()


@pytest.mark.parametrize("most_waiting", [10, 1_000])
def test_any_number_of_calls_on_one_connection_is_answered_or_shed_with_a_pushback(
    toy_models: Path, most_waiting: int
) -> None:
    # whoever has no retries would see the streams that gRPC itself refuses
    options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    with serving(toy_models, max_waiting_calls=most_waiting) as app:
        with grpc.insecure_channel(app.address, options) as channel:
            predict = PricingServiceStub(channel).Predict
            calls = [predict.future(REQUEST, timeout=TIMEOUT) for _ in range(2 * most_waiting + 500)]
            shed = [decode(call) for call in calls if call.exception() is not None]
    assert len(shed) < len(calls)
    assert {(refusal.code, refusal.reason) for refusal in shed} <= {
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    }


@pytest.mark.parametrize("call", [*DOORS, "describe", "header only"])
def test_while_loading_every_call_is_unavailable(toy_models: Path, call: str) -> None:
    app = new_app(toy_models)
    app.listen()
    try:
        with connect(app.address) as wire:
            refusal = refused(lambda: make(wire, call))
    finally:
        app.stop()
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "NOT_READY")
    assert refusal.info.metadata["state"] == "loading"


def make(wire: Wire, call: str) -> object:
    if call == "describe":
        return wire.describe()
    if call == "header only":
        return wire.header_only("Predict").call.result()
    return wire.ask(call, GOOD)


def test_while_draining_new_calls_are_unavailable_and_running_ones_finish(
    toy_models: Path, gate: Gate
) -> None:
    app = new_app(toy_models, drain_grace_s=TIMEOUT)
    app.listen()
    app.load()
    gate.close()
    with connect(app.address) as wire:
        states = wire.watch()
        assert next(states).status == SERVING
        running = wire.stub.Predict.future(REQUEST, timeout=TIMEOUT)
        gate.wait_entered()
        stopping = threading.Thread(target=app.stop)
        stopping.start()
        try:
            assert next(states).status == NOT_SERVING
            for call in (*DOORS, "describe", "header only"):
                refusal = refused(partial(make, wire, call))
                assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "NOT_READY")
                assert refusal.info.metadata["state"] == "draining"
        finally:
            gate.open()
            stopping.join(TIMEOUT)
        assert not stopping.is_alive()
        assert running.result().currency_code == "EUR"


def test_a_call_whose_deadline_passed_while_it_waited_never_reaches_the_model(
    one_thread: Wire, gate: Gate
) -> None:
    working = one_thread.stub.Predict.future(REQUEST, timeout=TIMEOUT)
    gate.wait_entered()
    late = one_thread.stub.Predict.future(REQUEST, timeout=0.2)
    assert late.exception(TIMEOUT).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    one_thread.check()  # same connection: once it is answered, the server knows that the late caller left
    gate.open()
    working.result()
    one_thread.predict(REQUEST)  # one thread: it comes after the late call
    assert gate.runs == 2
