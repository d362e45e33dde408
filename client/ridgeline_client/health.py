"""The standard health check, without the package that generates its messages.

`grpc.health.v1.HealthCheckRequest` is one string in field 1 and `HealthCheckResponse` one enum in field 1:
the same bytes as protobuf's own StringValue and Int32Value.
"""

from __future__ import annotations

from google.protobuf.wrappers_pb2 import Int32Value, StringValue

METHOD = "/grpc.health.v1.Health/Check"
ANSWER = Int32Value
SERVICE_UNKNOWN = "SERVICE_UNKNOWN"

_STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", SERVICE_UNKNOWN)


def request(service: str) -> bytes:
    """Return the request for one service; "" is the whole server."""
    message: bytes = StringValue(value=service).SerializeToString()
    return message


def status(answer: Int32Value) -> str:
    """Return the status by name; one that has no name here is "UNKNOWN"."""
    return _STATUSES[answer.value] if 0 <= answer.value < len(_STATUSES) else "UNKNOWN"
