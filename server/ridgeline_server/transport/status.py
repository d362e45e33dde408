"""The one table that gives errors their status, and the google.rpc.Status that carries them."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from ridgeline.reasons import ERROR_DOMAIN, Reason
from ridgeline_server import errors

CODES: dict[type[errors.PricingError], grpc.StatusCode] = {
    errors.InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotServed: grpc.StatusCode.NOT_FOUND,
    errors.PreconditionFailed: grpc.StatusCode.FAILED_PRECONDITION,
    errors.PriceRejected: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.RateExceeded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.NotReady: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlinePassed: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
}

REQUEST_ID_TRAILER = "ridgeline-request-id"
"""Trailing metadata that tells the caller the request id, whatever comes of the call."""

LISTED = 20
"""Violations named in one status."""

# A peer drops metadata above 8 KiB and reports RESOURCE_EXHAUSTED instead of our status. The details go in
# base64 and the message with three bytes for each that is not ASCII.
_VIOLATION_BYTES = 3_500
_TEXT_BYTES = 500


class WireStatus(grpc.Status):
    """What `context.abort_with_status` takes."""

    def __init__(
        self, code: grpc.StatusCode, details: str, metadata: Sequence[tuple[str, str | bytes]]
    ) -> None:
        self.code = code
        self.details = details
        self.trailing_metadata = tuple(metadata)


def code_of(error: errors.PricingError) -> grpc.StatusCode:
    """Look the error's class up, most special first."""
    for cls in type(error).__mro__:
        if cls in CODES:
            return CODES[cls]
    return grpc.StatusCode.INTERNAL


def rpc_status_of(error: errors.PricingError, request_id: str) -> status_pb2.Status:
    """The google.rpc.Status of an error: ErrorInfo, RequestInfo and, for bad input, BadRequest."""
    details: list[any_pb2.Any] = []
    _add(
        details,
        error_details_pb2.ErrorInfo(reason=error.reason.value, domain=ERROR_DOMAIN, metadata=error.metadata),
    )
    _add(details, error_details_pb2.RequestInfo(request_id=request_id))
    if isinstance(error, errors.InvalidInput):
        _add(details, _bad_request(error))
    return status_pb2.Status(code=code_of(error).value[0], message=_short(error.message), details=details)


def wire_status(error: errors.PricingError, request_id: str) -> WireStatus:
    """The status with its trailers, ready to abort a call with."""
    status = rpc_status.to_status(rpc_status_of(error, request_id))
    metadata = [*status.trailing_metadata, (REQUEST_ID_TRAILER, request_id)]
    if isinstance(error, errors.Overloaded | errors.RateExceeded):
        metadata.append(("grpc-retry-pushback-ms", str(error.retry_after_ms)))
    return WireStatus(status.code, status.details, metadata)


def internal(request_id: str) -> errors.PricingError:
    """What a caller learns of the unforeseen: nothing but where to ask."""
    return errors.PricingError(Reason.INTERNAL, f"internal error, request id {request_id}")


def _bad_request(error: errors.InvalidInput) -> error_details_pb2.BadRequest:
    request = error_details_pb2.BadRequest()
    for violation in error.violations[:LISTED]:
        request.field_violations.add(
            field=_short(violation.field),
            description=_short(violation.message),
            reason=violation.reason.value,
        )
        if request.ByteSize() > _VIOLATION_BYTES:
            del request.field_violations[-1]
            break
    return request


def _short(text: str) -> str:
    encoded = text.encode()
    if len(encoded) <= _TEXT_BYTES:
        return text
    return encoded[: _TEXT_BYTES - 3].decode(errors="ignore") + "…"


def _add(details: list[any_pb2.Any], message: Message) -> None:
    packed = any_pb2.Any()
    packed.Pack(message)
    details.append(packed)
