"""The raw wire: generated stubs and other people's status decoding, nothing of the client library."""

from __future__ import annotations

import math
import re
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import grpc
import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline.v1 import pricing_service_pb2_grpc as pb_grpc

SERVICE = "/ridgeline.v1.PricingService/"
TIMEOUT = 60.0
"""Seconds after which a call that should have ended fails its test."""

HEADER_LIST_LIMIT = 8192

DOORS = ("predict", "rows", "columns")
"""The ways of asking for a price: Predict and the two payload forms of PredictBatch."""

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
        self.stub = pb_grpc.PricingServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)

    def predict(self, request: pb.PredictRequest) -> pb.PredictResponse:
        return self.stub.Predict(request, timeout=TIMEOUT)

    def predict_batch(self, request: pb.PredictBatchRequest) -> pb.PredictBatchResponse:
        return self.stub.PredictBatch(request, timeout=TIMEOUT)

    def describe(self, **fields: Any) -> pb.DescribeModelResponse:
        return self.stub.DescribeModel(pb.DescribeModelRequest(**fields), timeout=TIMEOUT)

    def check(self, service: str = "") -> health_pb2.HealthCheckResponse.ServingStatus:
        request = health_pb2.HealthCheckRequest(service=service)
        return self.health.Check(request, timeout=TIMEOUT).status

    def watch(self) -> Iterator[health_pb2.HealthCheckResponse]:
        return self.health.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)

    def ask(self, door: str, record: pb.Record, **fields: Any) -> Any:
        """Send one record through one of DOORS; `fields` are request fields all doors have."""
        if door == "predict":
            return self.predict(pb.PredictRequest(record=record, **fields))
        return self.predict_batch(batch_request(door, [record], **fields))

    def raw(self, method: str, content: bytes) -> bytes:
        """Send bytes as the one message of a unary call."""
        return self.channel.unary_unary(SERVICE + method)(content, timeout=TIMEOUT)

    def header_only(self, method: str, sent: Sequence[bytes] = ()) -> HeaderOnly:
        """Start a call that sends headers, `sent`, and then nothing."""
        return HeaderOnly(self.channel, method, sent)


class HeaderOnly:
    """A call whose caller does not go on. `release` lets the caller half-close."""

    def __init__(self, channel: grpc.Channel, method: str, sent: Sequence[bytes]) -> None:
        self._released = threading.Event()
        self.call = channel.stream_unary(SERVICE + method).future(self._messages(sent), timeout=TIMEOUT)
        self.call.add_done_callback(lambda _: self._released.set())

    def _messages(self, sent: Sequence[bytes]) -> Iterator[bytes]:
        yield from sent
        self._released.wait(TIMEOUT)

    def release(self) -> None:
        self._released.set()


@contextmanager
def connect(address: str) -> Iterator[Wire]:
    """A channel of its own, with a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    with grpc.insecure_channel(address, options=options) as channel:
        yield Wire(channel)


def record(**features: float | str | None) -> pb.Record:
    """The product of FEATURES with changes: numbers are numeric, text is categorical, None is absent."""
    values = FEATURES | features
    return pb.Record(
        numeric={n: v for n, v in values.items() if isinstance(v, int | float)},
        categorical={n: v for n, v in values.items() if isinstance(v, str)},
    )


def empty_record() -> pb.Record:
    """A record without any feature."""
    return pb.Record()


def columns(records: Sequence[pb.Record], *, single: bool = False) -> pb.RecordBatch:
    """The same rows in columns, in the order in which the names first come up."""
    numeric = list(dict.fromkeys(name for r in records for name in r.numeric))
    categorical = list(dict.fromkeys(name for r in records for name in r.categorical))
    values = [r.numeric[name] if name in r.numeric else math.nan for r in records for name in numeric]
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


@dataclass(frozen=True)
class Refusal:
    """The status of a failed call, as any gRPC client reads it."""

    code: grpc.StatusCode
    message: str
    trailers: dict[str, str | bytes]
    info: error_details_pb2.ErrorInfo
    request_id: str
    violations: list[error_details_pb2.BadRequest.FieldViolation]

    @property
    def reason(self) -> str:
        return str(self.info.reason)

    @property
    def paths(self) -> list[tuple[str, str]]:
        """Field path and reason of every named violation."""
        return [(v.field, v.reason) for v in self.violations]

    @property
    def violation_count(self) -> int:
        return int(self.info.metadata["violation_count"])

    @property
    def header_list_bytes(self) -> int:
        """Size of the trailers as RFC 9113 6.5.2 counts it; many peers refuse more than HEADER_LIST_LIMIT."""
        fields = {"grpc-status": str(self.code.value[0]), "grpc-message": quote(self.message, safe=" ")}
        for key, value in self.trailers.items():
            fields[key] = b64encode(value).decode() if isinstance(value, bytes) else value
        return sum(len(key) + len(value) + 32 for key, value in fields.items())


def refused(call: Callable[[], object]) -> Refusal:
    """Make a call that must fail with a google.rpc.Status; returns what the status says."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return decode(caught.value)


def decode(error: Any) -> Refusal:
    """Decode a failed call's status; exactly one ErrorInfo and one RequestInfo are expected in it."""
    status = rpc_status.from_call(error)
    assert status is not None, f"no google.rpc.Status: {error.code()} {error.details()}"
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.RequestInfo()
    bad = error_details_pb2.BadRequest()
    unpacked = [d.Unpack(m) for d in status.details for m in (info, request, bad)]
    assert sum(unpacked) == len(status.details) <= 3
    assert info.domain == "ridgeline"
    assert request.request_id
    trailers = dict(error.trailing_metadata())
    return Refusal(
        error.code(), error.details(), trailers, info, request.request_id, list(bad.field_violations)
    )


_STEP = r'(\w+)(\["(?:[^"\\]|\\.)*"\]|\[\d+\])?'


def is_field_path(message: type[Message], path: str) -> bool:
    """True when every step of `path` is a field of the contract, or the last one a oneof."""
    if not re.fullmatch(rf"{_STEP}(\.{_STEP})*", path):
        return False
    at: Descriptor | None = message.DESCRIPTOR
    for name, _ in re.findall(_STEP, path):
        if at is None:
            return False
        field = at.fields_by_name.get(name)
        if field is None:
            return name in at.oneofs_by_name and path.endswith(name)
        at = field.message_type
    return True
