"""Callers that do not go on: they send headers and nothing else, or leave, and service goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from support.gate import Gate
from support.neighbours import HEALTH, NOT_SERVING, REQUEST, SERVING, assert_idle
from support.servers import new_app, serving
from support.wire import TIMEOUT, Wire, connect

THREADS = 3


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(monkeypatch)
    yield gate
    gate.open()


def test_more_silent_callers_than_threads_do_not_stop_service(toy_models: Path) -> None:
    limits = {"active_threads": 1, "max_threads": THREADS, "message_timeout_s": 0.1}
    with serving(toy_models, **limits) as app, connect(app.address) as silent, connect(app.address) as wire:
        callers = [silent.header_only("Predict") for _ in range(4 * THREADS)]
        silent.check()  # same connection: they are queued by now
        assert wire.predict(REQUEST).currency_code == "EUR"
        assert wire.check() == SERVING
        codes = {c.call.exception(TIMEOUT).code() for c in callers}
        assert_idle(app)
        assert wire.predict(REQUEST).currency_code == "EUR"
    assert codes == {grpc.StatusCode.CANCELLED}


def test_silent_callers_cannot_use_up_all_threads_however_long_they_may_take(toy_models: Path) -> None:
    limits = {"max_threads": 8, "message_timeout_s": 3600}
    with serving(toy_models, **limits) as app, connect(app.address) as silent, connect(app.address) as wire:
        callers = [silent.header_only("Predict") for _ in range(64)]
        silent.check()
        assert wire.predict(REQUEST).currency_code == "EUR"
        assert len(callers) == 64


@pytest.mark.parametrize("method", ["Check", "Watch"])
def test_a_silent_probe_does_not_stop_other_probes(toy_models: Path, method: str) -> None:
    with serving(toy_models) as app, connect(app.address) as silent, connect(app.address) as wire:
        probes = [silent.header_only(method, service=HEALTH) for _ in range(2)]
        silent.predict(REQUEST)
        assert wire.check() == SERVING
        assert next(wire.watch()).status == SERVING
        assert len(probes) == 2


def test_idle_reflection_streams_do_not_stop_service(toy_models: Path) -> None:
    service = "grpc.reflection.v1alpha.ServerReflection"
    with (
        serving(toy_models, reflection=True) as app,
        connect(app.address) as idle,
        connect(app.address) as wire,
    ):
        streams = [idle.header_only("ServerReflectionInfo", service=service) for _ in range(6)]
        idle.check()
        assert wire.predict(REQUEST).currency_code == "EUR"
        assert len(streams) == 6


def test_silent_callers_within_the_time_limit_are_waited_for_and_answered(toy_models: Path) -> None:
    limits = {"active_threads": 1, "max_threads": 4 * THREADS, "message_timeout_s": TIMEOUT}
    with serving(toy_models, **limits) as app, connect(app.address) as wire:
        slow = SlowCallers(wire, THREADS)
        assert wire.predict(REQUEST).currency_code == "EUR"
        slow.send.set()
        raw = [call.result() for call in slow.calls]
        assert_idle(app)
    assert {pb.PredictResponse.FromString(r).currency_code for r in raw} == {"EUR"}


class SlowCallers:
    """Callers that send their message once `send` is set."""

    def __init__(self, wire: Wire, count: int) -> None:
        self.send = threading.Event()
        call = wire.raw_stream("Predict")
        self.calls = [call.future(self._messages(), timeout=TIMEOUT) for _ in range(count)]

    def _messages(self) -> Iterator[bytes]:
        if self.send.wait(TIMEOUT):
            yield REQUEST.SerializeToString()


def test_a_caller_who_leaves_wherever_its_call_is_leaves_nothing_behind(toy_models: Path, gate: Gate) -> None:
    limits = {"active_threads": 1, "max_threads": 2, "message_timeout_s": TIMEOUT}
    with serving(toy_models, **limits) as app, connect(app.address) as wire:
        gate.close()
        working = wire.stub.Predict.future(REQUEST, timeout=TIMEOUT)
        gate.wait_entered()
        calls: list[Any] = [wire.stub.Predict.future(REQUEST, timeout=TIMEOUT) for _ in range(5)]
        calls += [wire.header_only("Predict").call for _ in range(5)]
        calls += [wire.header_only("PredictBatch", [b""]).call for _ in range(5)]
        for call in [*calls, working]:
            call.cancel()
        gate.open()
        assert_idle(app)
        assert wire.predict(REQUEST).currency_code == "EUR"


def test_a_silent_caller_who_leaves_frees_its_thread(toy_models: Path) -> None:
    limits = {"active_threads": 1, "max_threads": 2, "message_timeout_s": 10 * TIMEOUT}
    with serving(toy_models, **limits) as app, connect(app.address) as wire:
        callers = [wire.header_only("Predict") for _ in range(4)]
        wire.check()
        for caller in callers:
            caller.call.cancel()
        assert wire.predict(REQUEST).currency_code == "EUR"
        assert_idle(app)


def test_silent_callers_do_not_stretch_the_stop_not_even_those_still_queued(
    toy_models: Path, gate: Gate
) -> None:
    limits = {"active_threads": 1, "max_threads": 2, "message_timeout_s": 10 * TIMEOUT}
    app = new_app(toy_models, drain_grace_s=10 * TIMEOUT, **limits)
    app.listen()
    app.load()
    with connect(app.address) as wire:
        gate.close()
        working = wire.stub.Predict.future(REQUEST, timeout=TIMEOUT)
        gate.wait_entered()
        ended: SimpleQueue[Any] = SimpleQueue()
        for _ in range(3):
            wire.header_only("Predict").call.add_done_callback(ended.put)
        states = wire.watch()
        assert next(states).status == SERVING  # same connection: the silent callers are queued by now
        stopping = threading.Thread(target=app.stop, daemon=True)
        stopping.start()
        assert next(states).status == NOT_SERVING
        gate.open()
        codes = [ended.get(timeout=2 * TIMEOUT).code() for _ in range(3)]
        stopping.join(TIMEOUT)
        assert working.result().currency_code == "EUR"
        assert not stopping.is_alive()
    assert set(codes) <= {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}
