"""One span for each call: whose child it is, what it says, and what it does not."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from ridgeline.guard import Action
from ridgeline.notices import NoticeKind
from ridgeline_server.domain import Tally
from ridgeline_server.monitoring.tracing import UnknownProtocol, otlp_processor
from support.collector import PARENT_ID, TRACE_ID, TRACEPARENT, Spans

METHOD = "ridgeline.v1.PricingService/Predict"
COUNTED = {kind for kind in NoticeKind if kind is NoticeKind.ROW_ERROR or kind.name in Action.__members__}


def span_of(
    code: str = "OK",
    fields: dict[str, Any] | None = None,
    metadata: tuple[tuple[str, str | bytes], ...] = (),
    batches: tuple[list[int], ...] = (),
) -> ReadableSpan:
    spans = Spans()
    call = spans.tracer.begin("Predict", metadata)
    for flags in batches:
        call.priced(Tally(len(flags), tuple(Counter(flags).items()), 0, 0.0))
    call.ended(code, fields or {})
    (span,) = spans.take()
    return span


def attributes(span: ReadableSpan) -> dict[str, Any]:
    assert span.attributes is not None
    return dict(span.attributes)


def test_it_is_a_server_span_named_as_opentelemetry_wants_it() -> None:
    span = span_of(fields={"model": "toys", "version": 3, "rows": 7, "request_id": "r-1", "peer": "ipv4:1"})
    assert (span.name, span.kind) == (METHOD, SpanKind.SERVER)
    assert attributes(span) == {
        "rpc.system.name": "grpc",
        "rpc.method": METHOD,
        "rpc.response.status_code": "OK",
        "ridgeline.model": "toys",
        "ridgeline.version": 3,
        "ridgeline.rows": 7,
        "ridgeline.request_id": "r-1",
        "ridgeline.batches": 0,
    }
    assert span.resource.attributes["service.name"] == "ridgeline-server"


def test_it_is_the_child_of_the_span_that_called() -> None:
    span = span_of(metadata=(("other-bin", b"\x00"), TRACEPARENT))
    assert span.parent is not None
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE_ID, PARENT_ID)
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == TRACE_ID


@given(st.one_of(st.text(), st.binary(), st.just("00-" + "0" * 32 + "-" + "0" * 16 + "-01")))
def test_a_parent_that_cannot_be_read_is_no_parent(value: str | bytes) -> None:
    assert span_of(metadata=(("traceparent", value),)).parent is None


def test_a_caller_who_does_not_sample_gets_no_span() -> None:
    spans = Spans()
    call = spans.tracer.begin("Predict", [("traceparent", f"00-{TRACE_ID}-{PARENT_ID}-00")])
    call.priced(cast("Tally", None))
    call.ended("OK", {"rows": 1})
    assert spans.take() == []


@given(st.lists(st.lists(st.integers(0, 2**9 - 1), max_size=5), max_size=4))
def test_rows_are_counted_by_what_became_of_them_over_all_batches(batches: list[list[int]]) -> None:
    told = attributes(span_of(batches=tuple(batches)))
    counts = {k: sum(bool(flags & k.bit) for batch in batches for flags in batch) for k in COUNTED}
    assert told["ridgeline.batches"] == len(batches)
    assert {name: n for name, n in told.items() if name.startswith("ridgeline.rows.")} == {
        f"ridgeline.rows.{kind.name.lower()}": n for kind, n in counts.items() if n
    }


@pytest.mark.parametrize(
    ("code", "at_fault"),
    [("OK", False), ("INVALID_ARGUMENT", False), ("CANCELLED", False), ("INTERNAL", True)],
)
def test_only_what_the_server_is_to_blame_for_is_an_error(code: str, at_fault: bool) -> None:
    span = span_of(code, {"reason": "SOME_REASON"})
    assert (span.status.status_code is StatusCode.ERROR) is at_fault
    assert ("error.type" in attributes(span)) is at_fault
    assert attributes(span)["rpc.response.status_code"] == code
    assert attributes(span)["ridgeline.reason"] == "SOME_REASON"


def test_a_name_of_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "prices-eu")
    assert span_of().resource.attributes["service.name"] == "prices-eu"


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"])
def test_another_protocol_is_refused_by_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "http/json")
    with pytest.raises(UnknownProtocol, match=f"{name} is 'http/json': expected grpc"):
        otlp_processor()
