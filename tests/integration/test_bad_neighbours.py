"""Slow, silent, many or malicious callers: others are served meanwhile, and what was held is free after."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import PricingClient
from ridgeline_server.app import App
from ridgeline_server.transport import watches
from support import http2
from support.http2 import GOAWAY, PING, SETTINGS, frame
from support.process import free_ports, server_process
from support.servers import serving
from support.status import refused
from support.wire import FEATURES, SERVICE, TIMEOUT, Wire, columns, connect, record

REQUEST = pb.PredictRequest(record=record())
HEALTH = "grpc.health.v1.Health"
SERVING = 1
MIB = 1 << 20


def assert_served(address: str) -> None:
    """Somebody else's price and health."""
    with connect(address) as other:
        assert other.predict(REQUEST).currency_code == "EUR"
        assert other.check() == SERVING


def assert_idle(app: App) -> None:
    """No call holds a thread."""
    listener = app._listener
    for pool in (listener._pool, listener._streams, listener.health._checks, listener.health._watching):
        assert pool.wait_idle(TIMEOUT)


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident(pid: int) -> int:
    """Bytes of memory a process has, and at its most had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def test_probes_that_send_nothing_are_ended_and_hold_up_no_other_probe(toy_models: Path) -> None:
    with serving(toy_models) as app, connect(app.address) as silent:
        methods = ["Check", "Watch"] * 100
        probes = [silent.header_only(method, service=HEALTH) for method in methods]
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


def test_a_watch_that_takes_no_bytes_holds_up_neither_others_nor_the_end(toy_models: Path) -> None:
    with serving(toy_models) as app, http2.http2(app.address) as deaf:
        deaf.send(http2.settings(window=0))
        for stream in range(1, 80, 2):
            deaf.send(http2.call(stream, f"/{HEALTH}/Watch"), http2.message(stream, b""))
        deaf.send(frame(PING, b"12345678"))
        pinged = (kind for kind, _ in deaf.frames() if kind == PING)
        next(pinged)
        with connect(app.address) as other:
            states = other.watch()
            assert next(states).status == SERVING
            app.stop()
            assert next(states).status != SERVING


def test_callers_who_do_not_read_their_streams_lose_them(toy_models: Path) -> None:
    limits = {"max_streams": 3, "stream_idle_s": 2.0}
    with serving(toy_models, **limits) as app, ExitStack() as stack:
        deaf = [stack.enter_context(connect(app.address)) for _ in range(3)]
        calls = [NeverReads(wire) for wire in deaf]
        assert all(call.sending.wait(TIMEOUT) for call in calls)
        assert_idle(app)
        with connect(app.address) as other:
            answers = other.stub.PredictStream(iter([opening(), chunk(0)]), timeout=TIMEOUT)
            assert [message.WhichOneof("message") for message in answers] == ["opened", "result"]
        for call in calls:
            call.leave()


class NeverReads:
    """A stream that asks for more than fits between two ends, and reads nothing."""

    def __init__(self, wire: Wire) -> None:
        self.sending = threading.Event()
        self._left = threading.Event()
        # longer than the test waits: it must not be the caller's own deadline that ends it
        self._call = wire.stub.PredictStream(self._messages(), timeout=10 * TIMEOUT)

    def leave(self) -> None:
        self._left.set()
        self._call.cancel()

    def _messages(self) -> Iterator[pb.PredictStreamRequest]:
        yield opening()
        sequence = 0
        while not self._left.is_set():
            yield chunk(sequence, 10_000)
            sequence += 1
            self.sending.set()


def opening() -> pb.PredictStreamRequest:
    return pb.PredictStreamRequest(open=pb.StreamOpen())


def chunk(sequence: int, rows: int = 1) -> pb.PredictStreamRequest:
    names, values = ["ram"], [8.0] * rows
    numeric = pb.NumericColumns(names=names, double_values=pb.DoubleMatrix(values=values))
    table = pb.RecordBatch(row_count=rows, numeric=numeric)
    return pb.PredictStreamRequest(chunk=pb.Chunk(sequence=sequence, columns=table))


def test_a_slow_reader_whose_answer_is_on_its_way_keeps_it_when_the_server_drains(toy_models: Path) -> None:
    with serving(toy_models, drain_grace_s=TIMEOUT) as app, connect(app.address) as wire:
        answers = wire.stub.PredictStream(iter([opening(), chunk(0, 10_000)]), timeout=TIMEOUT)
        assert next(answers).WhichOneof("message") == "opened"
        stopping = threading.Thread(target=app.stop)
        stopping.start()
        kinds = read(answers)
        stopping.join(TIMEOUT)
    assert kinds in ([], ["result"])


def read(answers: Any) -> list[str]:
    """Kinds of the messages that come until a server that drains ends them."""
    return [message.WhichOneof("message") for message in until_unavailable(answers)]


def until_unavailable(answers: Any) -> Iterator[Any]:
    with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
        yield from answers


def test_a_thousand_connections_and_as_many_silent_sockets_keep_nobody_out(toy_models: Path) -> None:
    flags = [*free_ports(toy_models), "--max-connections", "2500"]
    with server_process(*flags) as server, ExitStack() as sockets:
        address = server.address()
        assert_served(address)
        before = descriptors(server.pid)
        callers = [sockets.enter_context(http2.http2(address)) for _ in range(400)]
        for caller in callers:
            assert next(caller.frames())[0] == SETTINGS
        host, _, port = address.rpartition(":")
        for _ in range(600):
            sockets.enter_context(socket.create_connection((host, int(port)), TIMEOUT))
        assert_served(address)
        assert descriptors(server.pid) >= before + 400
        sockets.close()
        assert_served(address)
        wait_until(lambda: descriptors(server.pid) <= before + 8)


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


@pytest.mark.parametrize("path", [SERVICE + "Predict", f"/{HEALTH}/Watch", SERVICE + "PredictStream"])
def test_rapid_reset_stops_nobody(toy_models: Path, path: str) -> None:
    with serving(toy_models) as app, http2.http2(app.address) as attacker:
        reader = threading.Thread(target=lambda: list(attacker.frames()))
        reader.start()
        with suppress(OSError):  # cut off: the better for everybody
            for first in range(1, 20_000, 200):
                streams = range(first, first + 200, 2)
                attacker.send(*(http2.call(s, path) + http2.reset(s) for s in streams))
        # a message that is late because of the flood may be given up, which this client tries again
        with PricingClient(app.address, timeout=TIMEOUT) as other:
            assert other.predict(FEATURES).currency == "EUR"
        with connect(app.address) as probe:
            assert probe.check() == SERVING
        attacker.close()
        reader.join(TIMEOUT)
        assert_idle(app)


def test_a_flood_of_pings_is_cut_off(toy_models: Path) -> None:
    with serving(toy_models) as app, http2.http2(app.address) as attacker:
        attacker.send(*(frame(PING, b"12345678") for _ in range(100)))
        kinds = [kind for kind, _ in attacker.frames()]
        assert_served(app.address)
    assert kinds[-1] == GOAWAY


def test_compressed_messages_are_refused_unopened(toy_models: Path) -> None:
    bomb = pb.PredictRequest(record=pb.Record(record_id="0" * (64 * MIB)))
    assert len(gzip.compress(bomb.SerializeToString())) < MIB
    with server_process(*free_ports(toy_models)) as server, connect(server.address()) as wire:
        wire.predict(REQUEST)
        before = resident(server.pid)
        for request in (bomb, REQUEST):
            with pytest.raises(grpc.RpcError) as caught:
                wire.stub.Predict(request, timeout=TIMEOUT, compression=grpc.Compression.Gzip)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert resident(server.pid) < before + 16 * MIB
        assert wire.predict(REQUEST).currency_code == "EUR"


EMPTY_RECORDS = b"\x0a\x00" * (8 * MIB - 64)


@pytest.mark.parametrize("method", ["Predict", "PredictBatch", "PredictStream"])
def test_sixteen_mebibytes_of_empty_records_are_refused_before_they_take_memory(
    toy_models: Path, method: str
) -> None:
    with server_process(*free_ports(toy_models)) as server, connect(server.address()) as wire:
        wire.predict(REQUEST)
        before = resident(server.pid)
        if method == "PredictStream":
            call: Any = wire.channel.stream_stream(SERVICE + method)
            hostile = delimited(2, delimited(3, EMPTY_RECORDS))
            refusal = refused(
                lambda: list(call(iter([opening().SerializeToString(), hostile]), timeout=TIMEOUT))
            )
        else:
            hostile = delimited(3 if method == "Predict" else 5, EMPTY_RECORDS)
            refusal = refused(lambda: wire.raw(method, hostile))
        assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refusal.reason == "ROW_LIMIT_EXCEEDED"
        assert resident(server.pid) < before + 80 * MIB
        assert wire.predict(REQUEST).currency_code == "EUR"


def delimited(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    size, length = len(content), b""
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


@pytest.mark.parametrize("size", [9_000, 20_000, 200_000])
def test_metadata_too_long_for_grpc_is_refused_and_the_connection_lives(toy_models: Path, size: int) -> None:
    with serving(toy_models) as app, connect(app.address) as wire:
        codes = set()
        metadata = [("x-long", "x" * size)]
        # all at once: gRPC takes up to a second for each refusal
        calls = [wire.stub.Predict.future(REQUEST, timeout=TIMEOUT, metadata=metadata) for _ in range(20)]
        for call in calls:
            codes.add(call.code())  # waits for the end
            assert wire.predict(REQUEST).currency_code == "EUR"
        assert_idle(app)
    # between 8 and 16 KiB gRPC refuses some, by chance
    assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert size < 16_384 or codes == {grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_columns_are_still_priced_at_the_row_limit_with_a_name_for_each_row(toy_models: Path) -> None:
    with serving(toy_models) as app, connect(app.address) as wire:
        table = columns([record()] * 10_000)
        table.record_ids.extend(f"record {n}" for n in range(10_000))
        answer = wire.predict_batch(pb.PredictBatchRequest(columns=table))
        assert answer.predictions.row_count == 10_000
