"""Callers who send too much of something: they are refused before it costs much, and others are served."""

from __future__ import annotations

import gzip
import threading
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import PricingClient, RetryPolicy
from ridgeline_server.transport import listener
from support import http2
from support.hostile import delimited
from support.http2 import GOAWAY, PING, SETTINGS, frame
from support.neighbours import HEALTH, REQUEST, SERVING, assert_idle, assert_served
from support.process import free_ports, server_process
from support.servers import serving
from support.status import refused
from support.wire import FEATURES, SERVICE, TIMEOUT, columns, connect, opening, record

MIB = 1 << 20


def resident(pid: int) -> int:
    """Bytes of memory a process has, and at its most had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def test_a_connection_is_told_how_many_streams_it_may_have(toy_models: Path) -> None:
    """Without that limit gRPC has no protection from rapid resets."""
    with serving(toy_models, max_waiting_calls=2_000) as app, http2.http2(app.address) as caller:
        kind, content = next(caller.frames())
    assert kind == SETTINGS
    assert http2.announced(content)[http2.MAX_STREAMS] == 8_000


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
        patient = RetryPolicy(max_attempts=5, initial_backoff=1.0)
        with PricingClient(app.address, timeout=TIMEOUT, retry=patient) as other:
            assert other.predict(FEATURES).currency == "EUR"
        with connect(app.address) as probe:
            assert probe.check() == SERVING
        attacker.close()
        reader.join(TIMEOUT)
        assert_idle(app)


PINGS = [frame(PING, b"12345678")] * 100
WAITING = [http2.call(1, f"/{HEALTH}/Watch"), http2.message(1, b"")]


@pytest.mark.parametrize("calls", [[], WAITING], ids=["without a call", "during a call"])
def test_a_flood_of_pings_is_cut_off(toy_models: Path, calls: list[bytes]) -> None:
    with serving(toy_models) as app, http2.http2(app.address) as attacker:
        attacker.send(*calls, *PINGS)
        kinds = [kind for kind, _ in attacker.frames()]
        assert_served(app.address)
    assert GOAWAY in kinds


def test_pings_no_more_often_than_allowed_are_answered(
    toy_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_PING_MS", 0)
    with serving(toy_models) as app, http2.http2(app.address) as caller:
        caller.send(*WAITING, *PINGS)
        answers = (kind for kind, _ in caller.frames() if kind in (PING, GOAWAY))
        assert set(islice(answers, len(PINGS))) == {PING}
        caller.send(*PINGS)
        assert set(islice(answers, len(PINGS))) == {PING}


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
