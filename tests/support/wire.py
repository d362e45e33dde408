"""The raw wire: generated stubs and messages made by hand, nothing of the client library."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline.v1 import pricing_service_pb2_grpc as pb_grpc
from ridgeline_client import Tls

SERVICE = "/ridgeline.v1.PricingService/"
TIMEOUT = 60.0
"""Seconds after which a call that should have ended fails its test."""

DOORS = ("predict", "rows", "columns")
"""The ways of asking for a price: Predict and the two payload forms of PredictBatch."""

Metadata = Sequence[tuple[str, str]]

FEATURES: dict[str, float | str] = {
    "ram": 32.0,
    "screen": 11.0,
    "weight": 2.0,
    "brand": "Acme",
    "port_code": "3",
}
"""A product of `support.toys` with nothing to notice."""


class Wire:
    """A channel to one server with its stubs."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.stub: Any = pb_grpc.PricingServiceStub(channel)
        self.health: Any = health_pb2_grpc.HealthStub(channel)

    def predict(self, request: pb.PredictRequest) -> pb.PredictResponse:
        response: pb.PredictResponse = self.stub.Predict(request, timeout=TIMEOUT)
        return response

    def predict_batch(self, request: pb.PredictBatchRequest) -> pb.PredictBatchResponse:
        response: pb.PredictBatchResponse = self.stub.PredictBatch(request, timeout=TIMEOUT)
        return response

    def describe(self, **fields: Any) -> pb.DescribeModelResponse:
        request = pb.DescribeModelRequest(**fields)
        response: pb.DescribeModelResponse = self.stub.DescribeModel(request, timeout=TIMEOUT)
        return response

    def check(self, service: str = "") -> int:
        request = health_pb2.HealthCheckRequest(service=service)
        return int(self.health.Check(request, timeout=TIMEOUT).status)

    def watch(self) -> Any:
        """Every status from now on. Ends with DEADLINE_EXCEEDED when the server does not end it."""
        return self.health.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)

    def ask(self, door: str, record: pb.Record, **fields: Any) -> Any:
        """Send one record through one of DOORS; `fields` are request fields all doors have."""
        if door == "predict":
            return self.predict(pb.PredictRequest(record=record, **fields))
        return self.predict_batch(batch_request(door, [record], **fields))

    def raw(self, method: str, content: bytes) -> bytes:
        """Send bytes as the one message of a unary call."""
        call: Any = self.channel.unary_unary(SERVICE + method)
        return bytes(call(content, timeout=TIMEOUT))

    def raw_stream(self, method: str, service: str = "") -> Any:
        """A unary method to call with any number of messages, as bytes."""
        return self.channel.stream_unary(f"/{service}/{method}" if service else SERVICE + method)

    def header_only(
        self, method: str, sent: Sequence[bytes] = (), service: str = "", metadata: Metadata = ()
    ) -> HeaderOnly:
        """Start a call that sends headers, `sent`, and then nothing."""
        return HeaderOnly(self.raw_stream(method, service), sent, metadata)


class HeaderOnly:
    """A call whose caller does not go on until the call ends."""

    def __init__(self, method: Any, sent: Sequence[bytes], metadata: Metadata) -> None:
        self._ended = threading.Event()
        # longer than tests wait: it must not be the caller's own deadline that ends it
        self.call = method.future(self._messages(sent), timeout=10 * TIMEOUT, metadata=metadata)
        self.call.add_done_callback(lambda _: self._ended.set())

    def _messages(self, sent: Sequence[bytes]) -> Iterator[bytes]:
        yield from sent
        self._ended.wait()  # the end of the call sets it


@contextmanager
def connect(address: str, tls: Tls | None = None) -> Iterator[Wire]:
    """A channel of its own, with a connection of its own; plaintext without `tls`."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    if tls is None:
        opened = grpc.insecure_channel(address, options=options)
    else:
        opened = grpc.secure_channel(address, tls.credentials(), options=options)
    with opened as channel:
        yield Wire(channel)


def record(**features: float | str | None) -> pb.Record:
    """The product of FEATURES with changes: numbers are numeric, text is categorical, None is absent."""
    values = FEATURES | features
    return pb.Record(
        numeric={n: v for n, v in values.items() if isinstance(v, int | float)},
        categorical={n: v for n, v in values.items() if isinstance(v, str)},
    )


def opening() -> pb.PredictStreamRequest:
    """The first message of a stream."""
    return pb.PredictStreamRequest(open=pb.StreamOpen())


def empty_record() -> pb.Record:
    """A record without any feature."""
    return pb.Record()


def columns(records: Sequence[pb.Record], *, single: bool = False) -> pb.RecordBatch:
    """The same rows in columns, in the order in which the names first come up."""
    numeric = list(dict.fromkeys(name for r in records for name in r.numeric))
    categorical = list(dict.fromkeys(name for r in records for name in r.categorical))
    values = [r.numeric.get(name, math.nan) for r in records for name in numeric]
    matrix: dict[str, Any] = (
        {"float_values": pb.FloatMatrix(values=values)}
        if single
        else {"double_values": pb.DoubleMatrix(values=values)}
    )
    return pb.RecordBatch(
        row_count=len(records),
        numeric=pb.NumericColumns(names=numeric, **matrix),
        categorical=[categorical_column(n, [r.categorical.get(n, "") for r in records]) for n in categorical],
    )


def categorical_column(name: str, values: Sequence[str]) -> pb.CategoricalColumn:
    """One column; the empty string is code 0."""
    dictionary = sorted(set(values) - {""})
    codes = [dictionary.index(v) + 1 if v else 0 for v in values]
    return pb.CategoricalColumn(name=name, dictionary=dictionary, codes=codes)


def batch_request(form: str, records: Sequence[pb.Record], **fields: Any) -> pb.PredictBatchRequest:
    """A batch in the form "rows" or "columns"."""
    if form == "rows":
        return pb.PredictBatchRequest(rows=pb.Records(records=records), **fields)
    return pb.PredictBatchRequest(columns=columns(records), **fields)
