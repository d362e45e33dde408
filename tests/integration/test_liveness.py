"""/livez says whether calls are answered: it makes one."""

from __future__ import annotations

import itertools
import threading
from concurrent import futures
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from ridgeline_server.transport.health import CHECK
from ridgeline_server.transport.self_call import SelfCall
from support import http2
from support.gate import Gate
from support.servers import ANY_PORT, new_app, serving
from support.wire import TIMEOUT, connect, record

REQUEST = pb.PredictRequest(record=record())
SERVING = 1


def live(app: App) -> tuple[int, str]:
    """Status and text of /livez."""
    try:
        with urlopen(f"http://{app.ops_address}/livez", timeout=TIMEOUT) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def impatient(app: App, timeout: float) -> None:
    """Let a call to itself take no longer, and ask anew each time."""
    app._listener._self_call._timeout = timeout
    app._listener._self_call._now = itertools.count(10**9, 10).__next__


def test_a_server_whose_serving_thread_has_died_is_not_live(
    toy_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    died = threading.Event()

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.excepthook", lambda _: died.set())
    app = new_app(toy_models, ops_address=ANY_PORT)
    app.listen()
    app.load()
    try:
        assert live(app) == (HTTPStatus.OK, "live\n")
        monkeypatch.setattr(app._listener._pool, "submit", fail)
        with connect(app.address) as wire:
            caller = wire.stub.Predict.future(REQUEST, timeout=TIMEOUT)
            assert died.wait(TIMEOUT)
            impatient(app, timeout=1.0)
            assert live(app) == (HTTPStatus.SERVICE_UNAVAILABLE, "a call to itself was not answered\n")
            caller.cancel()
    finally:
        assert app._ops
        app._ops.stop()  # the rest cannot be stopped any more


def test_a_server_that_loads_or_drains_is_live(toy_models: Path) -> None:
    app = new_app(toy_models, ops_address=ANY_PORT)
    app.listen()
    try:
        impatient(app, TIMEOUT)
        assert live(app)[0] == HTTPStatus.OK
        app.load()
        app.drain()
        assert live(app)[0] == HTTPStatus.OK
    finally:
        app.stop()


def test_a_server_that_is_overloaded_is_live(toy_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    limits = {"active_threads": 1, "max_threads": 2, "max_waiting_calls": 1, "max_connections": 1}
    with serving(toy_models, ops_address=ANY_PORT, **limits) as app, connect(app.address) as wire:
        impatient(app, TIMEOUT)
        gate.close()
        calls = [wire.stub.Predict.future(REQUEST, timeout=TIMEOUT) for _ in range(20)]
        gate.wait_entered()
        silent = [wire.header_only("Check", service="grpc.health.v1.Health") for _ in range(40)]
        assert live(app)[0] == HTTPStatus.OK
        gate.open()
        assert {call.exception(TIMEOUT) is None for call in calls} == {True, False}
        assert len(silent) == 40


def test_thousands_of_silent_probes_make_nobody_think_a_server_is_dead(toy_models: Path) -> None:
    with serving(toy_models, ops_address=ANY_PORT) as app, ExitStack() as stack:
        impatient(app, TIMEOUT / 3)
        assert live(app)[0] == HTTPStatus.OK
        for attacker in [stack.enter_context(http2.http2(app.address)) for _ in range(2)]:
            attacker.send(*(http2.call(stream, CHECK) for stream in range(1, 8_000, 2)))
        with connect(app.address) as other:
            assert live(app)[0] == HTTPStatus.OK
            assert other.check() == SERVING


def test_what_was_found_holds_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, told = [0.0], [True, False, True]
    call = SelfCall(grpc.server(futures.ThreadPoolExecutor(1)), lambda: seconds[0])
    monkeypatch.setattr(call, "_ask", lambda: told.pop(0))
    found = []
    for seconds[0] in (10.0, 10.9, 11.0, 11.9, 12.0):
        found.append(call.answers())  # one after the other
    assert found == [True, True, False, False, True]
