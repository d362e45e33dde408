"""Slow, silent or many callers: others are served meanwhile, and what was held is free after."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.transport import listener, rpc, watches
from ridgeline_server.transport.call import Call
from support import http2
from support.http2 import DATA, PING, SETTINGS, frame
from support.neighbours import HEALTH, NOT_SERVING, REQUEST, SERVING, assert_idle, assert_served
from support.process import free_ports, server_process
from support.servers import new_app, serving
from support.wire import SERVICE, TIMEOUT, Wire, connect, opening


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_probes_that_send_nothing_are_ended_and_hold_up_no_other_probe(toy_models: Path) -> None:
    with serving(toy_models) as app, connect(app.address) as silent:
        probes = [silent.header_only(method, service=HEALTH) for method in ["Check", "Watch"] * 100]
        silent.predict(REQUEST)  # same connection: they are queued by now
        assert_served(app.address)
        with connect(app.address) as other:
            assert next(other.watch()).status == SERVING
        assert {probe.call.exception(TIMEOUT).code() for probe in probes} == {grpc.StatusCode.CANCELLED}
        assert_idle(app)


def test_beyond_the_watches_a_server_keeps_another_is_refused_until_one_ends(
    toy_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "_MOST", 2)
    with serving(toy_models) as app, connect(app.address) as wire:
        kept = [wire.watch() for _ in range(2)]
        assert [next(states).status for states in kept] == [SERVING, SERVING]
        with pytest.raises(grpc.RpcError) as refusal:
            next(wire.watch())
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert wire.check() == SERVING
        kept[0].cancel()
        assert admitted(wire) == SERVING


def admitted(wire: Wire) -> int:
    """The status that a Watch tells, asked for until there is room for it."""
    until = time.monotonic() + TIMEOUT
    while True:
        try:
            return int(next(wire.watch()).status)
        except grpc.RpcError:
            if time.monotonic() > until:
                raise


def test_watches_that_take_no_bytes_hold_up_neither_the_news_nor_the_end(toy_models: Path) -> None:
    app = new_app(toy_models)
    app.listen()
    with http2.http2(app.address) as deaf, connect(app.address) as other:
        deaf.send(http2.settings(window=0))
        for stream in range(1, 80, 2):
            deaf.send(http2.call(stream, f"/{HEALTH}/Watch"), http2.message(stream, b""))
        deaf.send(frame(PING, b"12345678"))
        pinged = (kind for kind, _ in deaf.frames() if kind == PING)
        next(pinged)
        states = other.watch()
        assert next(states).status == NOT_SERVING
        app.load()
        assert next(states).status == SERVING
        app.stop()


def test_a_watch_that_has_ended_is_forgotten(toy_models: Path) -> None:
    with serving(toy_models) as app, connect(app.address) as wire:
        watchers = app._listener.health._watches._watchers
        states = wire.watch()
        assert next(states).status == SERVING
        assert len(watchers) == 1
        states.cancel()
        wait_until(lambda: not watchers)


def test_callers_who_do_not_read_their_streams_lose_them(toy_models: Path) -> None:
    limits = {"max_streams": 3, "stream_idle_s": 2.0}
    with serving(toy_models, **limits) as app, ExitStack() as stack:
        deaf = [stack.enter_context(connect(app.address)) for _ in range(3)]
        calls = [NeverReads(wire) for wire in deaf]
        for call in calls:
            call.wait_begun()
        assert_idle(app)
        with connect(app.address) as other:
            answers = other.stub.PredictStream(iter([opening(), chunk(0)]), timeout=TIMEOUT)
            assert [message.WhichOneof("message") for message in answers] == ["opened", "result"]
        for call in calls:
            call.leave()


class NeverReads:
    """A stream that asks for more than fits between two ends, and reads nothing."""

    def __init__(self, wire: Wire) -> None:
        self._sending = threading.Event()
        self._left = threading.Event()
        # longer than the test waits: it must not be the caller's own deadline that ends it
        self._call = wire.stub.PredictStream(self._messages(), timeout=10 * TIMEOUT)

    def wait_begun(self) -> None:
        """Wait until the server has let it in and chunks are on their way."""
        self._call.initial_metadata()
        assert self._sending.wait(TIMEOUT)

    def leave(self) -> None:
        self._left.set()
        self._call.cancel()

    def _messages(self) -> Iterator[pb.PredictStreamRequest]:
        yield opening()
        sequence = 0
        while not self._left.is_set():
            yield chunk(sequence, 10_000)
            sequence += 1
            self._sending.set()


def chunk(sequence: int, rows: int = 1) -> pb.PredictStreamRequest:
    names, values = ["ram"], [8.0] * rows
    numeric = pb.NumericColumns(names=names, double_values=pb.DoubleMatrix(values=values))
    table = pb.RecordBatch(row_count=rows, numeric=numeric)
    return pb.PredictStreamRequest(chunk=pb.Chunk(sequence=sequence, columns=table))


def test_a_slow_reader_whose_answer_is_on_its_way_keeps_it_when_the_server_drains(
    toy_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, waited_for = threading.Event(), threading.Event()
    monkeypatch.setattr(Call, "answered", lambda _: answered.set())
    monkeypatch.setattr(rpc, "_let_finish", waited_for.set)
    with serving(toy_models, drain_grace_s=TIMEOUT) as app, http2.http2(app.address) as slow:
        slow.send(http2.settings(window=0), http2.call(1, SERVICE + "PredictStream"))
        slow.send(http2.message(1, opening().SerializeToString()))
        assert answered.wait(TIMEOUT)
        stopping = threading.Thread(target=app.stop)
        stopping.start()
        assert waited_for.wait(TIMEOUT)
        slow.send(http2.room(1, 1 << 20))
        kinds = [kind for kind, _ in slow.frames()]
        stopping.join(TIMEOUT)
    assert DATA in kinds


def test_a_thousand_connections_and_as_many_silent_sockets_keep_nobody_out(toy_models: Path) -> None:
    flags = [*free_ports(toy_models), "--max-connections", "2500"]
    with ExitStack() as stack:
        with few_descriptors():
            server = stack.enter_context(server_process(*flags))
        sockets = stack.enter_context(ExitStack())
        address = server.address()
        assert_served(address)
        before = descriptors(server.pid)
        callers = [sockets.enter_context(http2.http2(address)) for _ in range(400)]
        for caller in callers:
            assert next(caller.frames())[0] == SETTINGS
        for _ in range(600):
            sockets.enter_context(silent_socket(address))
        assert_served(address)
        assert descriptors(server.pid) >= before + 400
        sockets.close()
        assert_served(address)
        wait_until(lambda: descriptors(server.pid) <= before + 8)


@contextmanager
def few_descriptors() -> Iterator[None]:
    """A process that is started in the block may open few files until it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def silent_socket(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), TIMEOUT)


def test_a_socket_that_stays_silent_is_closed(toy_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_HANDSHAKE_MS", 100)
    with serving(toy_models) as app, silent_socket(app.address) as silent:
        while silent.recv(1 << 16):
            pass


def wait_until(true: Callable[[], bool]) -> None:
    """Fail when it does not become true."""
    tick = threading.Event()
    for _ in range(600):
        if true():
            return
        tick.wait(0.1)
    raise AssertionError("it did not come back")


def test_connections_beyond_the_limit_are_closed_and_a_probe_of_its_own_still_answers(
    toy_models: Path,
) -> None:
    with serving(toy_models, max_connections=3) as app, ExitStack() as stack:
        inside = [stack.enter_context(http2.http2(app.address)) for _ in range(3)]
        assert [next(each.frames())[0] for each in inside] == [SETTINGS] * 3
        outside = stack.enter_context(http2.http2(app.address))
        assert list(outside.frames()) == []
        assert app._listener.answers()
        inside[0].close()
        wait_until(lambda: lets_in(app.address))


def lets_in(address: str) -> bool:
    with http2.http2(address) as connection:
        return next(connection.frames(), None) is not None
