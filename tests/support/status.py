"""What a failed call says, decoded with other people's code (grpcio-status)."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

HEADER_LIST_LIMIT = 8192
"""Bytes of headers or trailers that many peers accept at most."""


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
    try:
        call()
    except grpc.RpcError as error:
        return decode(error)
    raise AssertionError("the call did not fail")


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
    at: Any = message.DESCRIPTOR
    for name, _ in re.findall(_STEP, path):
        if at is None:
            return False
        field = at.fields_by_name.get(name)
        if field is None:
            return name in at.oneofs_by_name and path.endswith(name)
        at = field.message_type
    return True
