"""Log lines and request ids of a running server."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from ridgeline.v1 import pricing_service_pb2 as pb
from support.gate import before_each_run
from support.process import free_ports, server_process
from support.servers import new_app, serving
from support.status import HEADER_LIST_LIMIT, Refusal, decode
from support.wire import TIMEOUT, Wire, batch_request, columns, connect, record

GOOD = pb.PredictRequest(record=record())
BAD = pb.PredictRequest(record=record(ram=-7.5))
TRAILER = "ridgeline-request-id"
LOGGER = "ridgeline_server.transport.call"
Fields = dict[str, Any]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[tuple[str, str, Fields]]]]:
    """Level, message and fields of the lines about calls."""

    def read() -> list[tuple[str, str, Fields]]:
        found = [r for r in caplog.records if r.name == LOGGER]
        return [(r.levelname, r.getMessage(), getattr(r, "fields", {})) for r in found]

    with caplog.at_level(logging.DEBUG, LOGGER):
        yield read


Lines = Callable[[], list[tuple[str, str, Fields]]]


def answered(wire: Wire, method: str, request: Message, sent_id: str | None = None) -> str:
    """Make a call that is answered; returns the request id in its trailing metadata."""
    metadata = [] if sent_id is None else [("x-request-id", sent_id)]
    call = getattr(wire.stub, method)
    _, ended = call.with_call(request, timeout=TIMEOUT, metadata=metadata)
    return str(dict(ended.trailing_metadata())[TRAILER])


def refused(wire: Wire, request: Message, sent_id: str | None = None) -> Refusal:
    """Make a Predict call that fails."""
    metadata = [] if sent_id is None else [("x-request-id", sent_id)]
    with pytest.raises(grpc.RpcError) as caught:
        wire.stub.Predict(request, timeout=TIMEOUT, metadata=metadata)
    return decode(caught.value)


def test_a_call_is_one_line_at_debug(wire: Wire, lines: Lines) -> None:
    request_id = answered(wire, "PredictBatch", batch_request("columns", [record()] * 3))
    ((level, message, fields),) = lines()
    assert (level, message) == ("DEBUG", "call")
    assert fields.pop("duration_ms") >= 0
    assert fields.pop("peer").startswith("ipv4:127.0.0.1:")
    assert fields == {
        "request_id": request_id,
        "method": "PredictBatch",
        "code": "OK",
        "model": "toys",
        "version": 1,
        "rows": 3,
    }


@pytest.mark.parametrize(
    ("request_", "code", "reason"),
    [
        (BAD, "INVALID_ARGUMENT", "INVALID_INPUT"),
        (pb.PredictRequest(model="nobody"), "NOT_FOUND", "UNKNOWN_MODEL"),
    ],
)
def test_a_call_that_fails_by_the_callers_fault_is_one_line_at_info(
    wire: Wire, lines: Lines, request_: pb.PredictRequest, code: str, reason: str
) -> None:
    refusal = refused(wire, request_)
    ((level, message, fields),) = lines()
    assert (level, message) == ("INFO", "failed call")
    assert (fields["code"], fields["reason"]) == (code, reason)
    assert fields["request_id"] == refusal.request_id == refusal.trailers[TRAILER]
    assert ("model" in fields) == (reason == "INVALID_INPUT")


def test_a_call_that_fails_by_the_servers_fault_is_a_warning_and_its_traceback_stays_here(
    wire: Wire, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("disk /dev/sda1 is on fire")

    before_each_run(monkeypatch, fail)
    refusal = refused(wire, GOOD, "order-66")
    (cause, (level, _, fields)) = lines()
    assert cause[:2] == ("ERROR", "request order-66 failed")
    assert (level, fields["code"], fields["request_id"]) == ("WARNING", "INTERNAL", "order-66")
    assert refusal.message == "internal error, request id order-66"
    assert b"sda1" not in repr(refusal.trailers).encode()


def test_a_slow_answer_is_a_warning(toy_models: Path, lines: Lines) -> None:
    with serving(toy_models, slow_call_s=1e-9) as app, connect(app.address) as wire:
        answered(wire, "Predict", GOOD)
    ((level, message, _),) = lines()
    assert (level, message) == ("WARNING", "slow call")


def test_a_stream_is_one_line_with_all_its_rows_and_its_errors_have_its_id(wire: Wire, lines: Lines) -> None:
    chunks = [pb.Chunk(sequence=i, columns=columns([record()] * 2)) for i in range(3)]
    chunks.append(pb.Chunk(sequence=9))
    messages = [pb.PredictStreamRequest(open=pb.StreamOpen())]
    messages += [pb.PredictStreamRequest(chunk=c) for c in chunks]
    call = wire.stub.PredictStream(iter(messages), timeout=TIMEOUT, metadata=[("x-request-id", "job.7")])
    *_, last = list(call)
    assert dict(call.trailing_metadata())[TRAILER] == "job.7"
    assert any(b"job.7" in detail.value for detail in last.result.error.details)
    ((level, _, fields),) = lines()
    assert level == "DEBUG"
    assert (fields["method"], fields["rows"], fields["request_id"]) == ("PredictStream", 6, "job.7")


@pytest.mark.parametrize("sent", ["a", "x" * 64, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "A.b_c-9"])
def test_a_callers_own_request_id_is_taken_over(wire: Wire, sent: str) -> None:
    assert answered(wire, "DescribeModel", pb.DescribeModelRequest(), sent) == sent
    refusal = refused(wire, BAD, sent)
    assert refusal.request_id == refusal.trailers[TRAILER] == sent


@pytest.mark.parametrize(
    "sent", [None, "", "x" * 65, "two words", 'a"}, {"level": "x', "id=1", "a/b", "a%0a"]
)
def test_other_ids_are_replaced_by_fresh_ones(wire: Wire, sent: str | None) -> None:
    ids = [answered(wire, "Predict", GOOD, sent) for _ in range(2)]
    assert len(set(ids)) == 2
    assert all(len(i) == 16 and int(i, 16) >= 0 for i in ids)


def test_calls_refused_before_they_start_have_their_id_too(toy_models: Path, lines: Lines) -> None:
    app = new_app(toy_models)
    app.listen()
    try:
        with connect(app.address) as wire:
            refusal = refused(wire, GOOD, "early")
    finally:
        app.stop()
    assert refusal.request_id == refusal.trailers[TRAILER] == "early"
    ((level, _, fields),) = lines()
    assert (level, fields["code"], fields["reason"]) == ("INFO", "UNAVAILABLE", "NOT_READY")


def test_the_longest_id_leaves_room_for_the_longest_error(wire: Wire) -> None:
    strangers = {"é" * 190 + str(i): 1.0 for i in range(30)}
    refusal = refused(wire, pb.PredictRequest(record=record(**strangers)), "x" * 64)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.violation_count == 30
    assert refusal.header_list_bytes < HEADER_LIST_LIMIT


def test_a_process_can_log_json_and_tells_no_values(toy_models: Path) -> None:
    flags = [*free_ports(toy_models), "--log-format", "json", "--log-level", "debug"]
    secret = record(brand="Zanzibar", ram=-31337.25)
    with server_process(*flags) as process:
        with connect(process.address()) as wire:
            request_id = answered(wire, "Predict", pb.PredictRequest(record=record(brand="Zanzibar")))
            refusal = refused(wire, pb.PredictRequest(record=secret))
            wire.predict_batch(batch_request("columns", [secret]))
        process.tell(signal.SIGTERM)
        assert process.wait() == 0
        stderr = process.stderr
    told = [json.loads(line) for line in stderr.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in told)
    calls = {line["request_id"]: line for line in told if line["logger"] == LOGGER}
    assert calls[request_id]["code"] == "OK"
    assert calls[refusal.request_id]["code"] == "INVALID_ARGUMENT"
    assert "Zanzibar" not in stderr
    assert "31337" not in stderr
