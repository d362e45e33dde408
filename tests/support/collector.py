"""An OpenTelemetry collector that keeps the spans it is sent, and the spans of this process."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ridgeline_server.monitoring.tracing import SpanTracer

TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = ("traceparent", f"00-{TRACE_ID}-{PARENT_ID}-01")
"""Metadata of a caller who has a span."""


class Spans:
    """A tracer whose spans stay here."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer = SpanTracer(SimpleSpanProcessor(self._exporter), "ridgeline.v1.PricingService")

    def take(self) -> list[ReadableSpan]:
        """Return what has ended since the last time."""
        spans = list(self._exporter.get_finished_spans())
        self._exporter.clear()
        return spans


class Collector(trace_grpc.TraceServiceServicer):
    """Takes what exporters send.

    Attributes:
        address: HOST:PORT.
        requests: everything, as it came.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.requests: list[trace_pb.ExportTraceServiceRequest] = []

    def Export(self, request: trace_pb.ExportTraceServiceRequest, context: Any) -> Any:
        self.requests.append(request)
        return trace_pb.ExportTraceServiceResponse()


@contextmanager
def collector() -> Iterator[Collector]:
    """A running collector."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    found = Collector(f"127.0.0.1:{port}")
    add: Any = trace_grpc.add_TraceServiceServicer_to_server  # published without types
    add(found, server)
    server.start()
    try:
        yield found
    finally:
        server.stop(None).wait()
