"""Tracing of a running server: one span a call, to a collector, and nothing of it when it is off."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from ridgeline_server.config import load_settings
from support.collector import TRACE_ID, TRACEPARENT, Spans, collector
from support.process import ServerProcess, failed_start, free_ports, server_process
from support.status import decode
from support.wire import TIMEOUT, Wire, batch_request, columns, connect, record

REQUEST = pb.PredictRequest(record=record())
WITHOUT_EXTRA = """
import sys
sys.modules["opentelemetry"] = None
from ridgeline_server.command import main
sys.exit(main())
"""
IMPORTED = "import sys, ridgeline_server.app; sys.exit('opentelemetry' in sys.modules)"


@pytest.fixture(scope="module")
def traced(toy_models: Path) -> Iterator[tuple[Wire, Spans, App]]:
    spans = Spans()
    anywhere = {"address": "127.0.0.1:0", "ops_address": ""}
    app = App(load_settings({"models": toy_models, **anywhere}, {}), spans.tracer)
    app.listen()
    try:
        app.load()
        with connect(app.address) as wire:
            yield wire, spans, app
    finally:
        app.stop()


def told(traced: tuple[Wire, Spans, App]) -> list[dict[str, Any]]:
    """Attributes of the spans that have come, once every call is over."""
    _, spans, app = traced
    assert app._listener._in_flight.wait_none(TIMEOUT)
    return [dict(span.attributes or {}) for span in spans.take()]


def test_one_call_is_one_span_with_what_became_of_its_rows(traced: tuple[Wire, Spans, App]) -> None:
    wire, _, _ = traced
    rows = [record(), record(ram=-1.0), record(ram=1000.0)]
    answer = wire.predict_batch(batch_request("columns", rows))
    flags = list(answer.predictions.flags)
    (span,) = told(traced)
    assert span["rpc.method"] == "ridgeline.v1.PricingService/PredictBatch"
    assert (span["ridgeline.model"], span["ridgeline.version"]) == ("toys", 1)
    assert (span["ridgeline.rows"], span["ridgeline.batches"]) == (3, 1)
    assert span["ridgeline.rows.row_error"] == 1
    clamped = 1 << (pb.NOTICE_KIND_CLAMPED_HIGH - 1)
    assert span["ridgeline.rows.clamped_high"] == sum(bool(f & clamped) for f in flags) == 1


def test_a_stream_is_one_span_over_all_its_chunks(traced: tuple[Wire, Spans, App]) -> None:
    wire, _, _ = traced
    opened = pb.PredictStreamRequest(open=pb.StreamOpen())
    chunks = [
        pb.PredictStreamRequest(chunk=pb.Chunk(sequence=n, columns=columns([record()] * 4))) for n in range(3)
    ]
    assert len(list(wire.stub.PredictStream(iter([opened, *chunks]), timeout=TIMEOUT))) == 4
    (span,) = told(traced)
    assert (span["ridgeline.rows"], span["ridgeline.batches"]) == (12, 3)
    assert span["rpc.response.status_code"] == "OK"


def test_a_failed_call_says_why_and_a_probe_leaves_no_span(traced: tuple[Wire, Spans, App]) -> None:
    wire, _, _ = traced
    wire.check()
    with pytest.raises(grpc.RpcError) as caught:
        wire.predict(pb.PredictRequest(record=record(), model="none"))
    (span,) = told(traced)
    refusal = decode(caught.value)
    assert span["rpc.response.status_code"] == "NOT_FOUND"
    assert span["ridgeline.reason"] == "UNKNOWN_MODEL"
    assert span["ridgeline.request_id"] == refusal.request_id


def test_the_caller_s_span_is_the_parent(traced: tuple[Wire, Spans, App]) -> None:
    wire, spans, app = traced
    wire.stub.Predict(REQUEST, metadata=(TRACEPARENT,), timeout=TIMEOUT)
    assert app._listener._in_flight.wait_none(TIMEOUT)
    (span,) = spans.take()
    assert isinstance(span, ReadableSpan)
    assert span.parent is not None
    assert f"{span.parent.trace_id:032x}" == TRACE_ID


def test_a_collector_has_every_span_once_the_server_has_left(toy_models: Path) -> None:
    with collector() as found:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{found.address}"}
        with server_process(*free_ports(toy_models), "--tracing", environment=environment) as process:
            with connect(process.address()) as wire:
                for _ in range(5):
                    wire.stub.Predict(REQUEST, metadata=(TRACEPARENT,), timeout=TIMEOUT)
                process.tell(signal.SIGTERM)
                assert process.wait() == 0
    resources = [spans for request in found.requests for spans in request.resource_spans]
    names = {a.key: a.value.string_value for spans in resources for a in spans.resource.attributes}
    assert names["service.name"] == "ridgeline-server"
    spans = [span for r in resources for scope in r.scope_spans for span in scope.spans]
    assert [span.trace_id.hex() for span in spans] == [TRACE_ID] * 5


def test_without_a_collector_calls_are_answered_and_the_server_leaves(toy_models: Path) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    with server_process(*free_ports(toy_models), "--tracing", environment=environment) as process:
        with connect(process.address()) as wire:
            assert wire.predict(REQUEST).currency_code == "EUR"
        process.tell(signal.SIGTERM)
        assert process.wait() == 0


def test_off_means_not_even_imported() -> None:
    assert subprocess.run([sys.executable, "-c", IMPORTED], check=False).returncode == 0


def test_without_the_extra_the_start_fails_and_says_what_to_install(toy_models: Path) -> None:
    process = ServerProcess(["-c", WITHOUT_EXTRA, "serve", *free_ports(toy_models), "--tracing"], {})
    try:
        assert process.wait() == 2
    finally:
        process.close()
    assert "install ridgeline with the extra `tracing`" in process.stderr
    assert "Traceback" not in process.stderr


def test_a_protocol_that_is_not_there_stops_the_start(toy_models: Path) -> None:
    environment = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    code, stderr = failed_start(*free_ports(toy_models), "--tracing", environment=environment)
    assert code == 2
    assert "OTEL_EXPORTER_OTLP_PROTOCOL" in stderr
