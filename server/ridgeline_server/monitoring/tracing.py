"""One OpenTelemetry span for each call. Imported only when tracing is on: it needs the extra `tracing`."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ridgeline import __version__
from ridgeline.guard import Action
from ridgeline.notices import NoticeKind
from ridgeline_server.domain import Tally

_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

# OpenTelemetry's conventions for gRPC: of the codes a server answers, these are its own fault.
_ERRORS = ("DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNKNOWN")

_COUNTED = (
    NoticeKind.ROW_ERROR,
    *(NoticeKind[action.name] for action in Action if action is not Action.NONE),
)
_TOLD = ("model", "version", "rows", "reason", "request_id")


class UnknownProtocol(Exception):
    """The environment asks for a protocol of OTLP that is not there."""


def otlp_processor() -> SpanProcessor:
    """Exports spans in batches by OTLP over gRPC, as the variables OTEL_EXPORTER_OTLP_* say.

    Raises:
        UnknownProtocol: they ask for another protocol.
    """
    for name in _PROTOCOLS:
        if os.environ.get(name, "grpc") != "grpc":
            raise UnknownProtocol(f"{name} is {os.environ[name]!r}: expected grpc, or none")
    return BatchSpanProcessor(OTLPSpanExporter())


class SpanTracer:
    """The CallTracer that makes spans and gives them to `processor`. `service` has the methods."""

    def __init__(self, processor: SpanProcessor, service: str) -> None:
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("ridgeline_server", __version__)
        self._service = service
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, method: str, metadata: Iterable[tuple[str, str | bytes]]) -> SpanOfCall:
        """See `CallTracer`. The caller's span is the parent, if its `traceparent` can be read."""
        name = f"{self._service}/{method}"
        carrier = {key: value for key, value in metadata if isinstance(value, str)}
        span = self._tracer.start_span(
            name,
            self._propagator.extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"rpc.system.name": "grpc", "rpc.method": name},
        )
        return SpanOfCall(span)

    def close(self, timeout: float) -> None:
        """Export what is left, for at most `timeout` seconds: a collector may be away."""
        closing = threading.Thread(target=self._provider.shutdown, name="tracing-close", daemon=True)
        closing.start()
        closing.join(timeout)


class SpanOfCall:
    """See `CallSpan`."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._batches = 0
        self._kinds: Counter[NoticeKind] = Counter()

    def priced(self, tally: Tally) -> None:
        """Count; of a span that is not sampled nobody would see it."""
        if self._span.is_recording():
            self._batches += 1
            for flags, rows in tally.flags:
                self._kinds.update({kind: rows for kind in _COUNTED if flags & kind.bit})

    def ended(self, code: str, fields: Mapping[str, Any]) -> None:
        """Finish the span."""
        if self._span.is_recording():
            self._span.set_attribute("rpc.response.status_code", code)
            self._span.set_attributes({f"ridgeline.{n}": fields[n] for n in _TOLD if n in fields})
            self._span.set_attribute("ridgeline.batches", self._batches)
            self._span.set_attributes(
                {f"ridgeline.rows.{kind.name.lower()}": count for kind, count in self._kinds.items() if count}
            )
            if code in _ERRORS:
                self._span.set_attribute("error.type", code)
                self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


def _resource() -> Resource:
    found = Resource.create({SERVICE_VERSION: __version__})
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):  # the environment has no name
        return found.merge(Resource({SERVICE_NAME: "ridgeline-server"}))
    return found
