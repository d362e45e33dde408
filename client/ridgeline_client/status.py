"""From a failed gRPC call to an error of this package: the one place where status codes are read."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from ridgeline.reasons import Reason
from ridgeline_client import errors
from ridgeline_client.errors import RidgelineError, Violation

E = TypeVar("E", bound=RidgelineError)

PUSHBACK_TRAILER = "grpc-retry-pushback-ms"

_CLASSES: dict[grpc.StatusCode, type[RidgelineError]] = {
    grpc.StatusCode.NOT_FOUND: errors.ModelNotFound,
    grpc.StatusCode.FAILED_PRECONDITION: errors.PreconditionFailed,
    grpc.StatusCode.UNAUTHENTICATED: errors.AccessDenied,
    grpc.StatusCode.PERMISSION_DENIED: errors.AccessDenied,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    # By the server, which had waited too long for the rest of the request.
    grpc.StatusCode.CANCELLED: errors.Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
}
"""Codes that need nothing but a class; the others have a function below, or are a ServerError."""

# gRPC core refuses an over-long message itself, with the code of an overload; only its text tells them apart.
_SIZE_TEXT = re.compile(r"(?:Received|Sent) message larger than max \((\d+) vs\. (\d+)\)")
_QUESTIONS = "; is a server running there, is this its gRPC port, and do both or neither speak TLS?"
_QUOTED_NAME = re.compile(r'\["(?:[^"\\]|\\.)*"\]')
_RECORD_INDEX = re.compile(r"records\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a failed call said."""

    code: grpc.StatusCode
    text: str
    reason: str = ""
    request_id: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    retry_after: float | None = None


def error_of(call: grpc.RpcError, target: str, timeout: float) -> RidgelineError:
    """Return the error that says what a failed call means; the caller raises it from `call`.

    Args:
        call: what grpc raised; it is also the finished call.
        target: whom the call was for, to be named in the message.
        timeout: the call's deadline, seconds.
    """
    return _error_of(_failure_of(call), target, timeout)


def error_of_status(status: status_pb2.Status, target: str) -> RidgelineError:
    """Return the error that a google.rpc.Status inside an answer means."""
    code = next((c for c in grpc.StatusCode if c.value[0] == status.code), grpc.StatusCode.UNKNOWN)
    return _error_of(_failure(code, status.message, list(status.details), None), target, 0.0)


def _error_of(failure: _Failure, target: str, timeout: float) -> RidgelineError:
    if failure.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE):
        return _invalid_input(failure)
    if failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return _exhausted(failure, target)
    if failure.reason == Reason.PRICE_REJECTED:
        return _price_rejected(failure)
    return _error(_CLASSES.get(failure.code, errors.ServerError), _message(failure, target, timeout), failure)


def _error(error_class: type[E], message: str, failure: _Failure) -> E:
    return error_class(
        message, reason=failure.reason, request_id=failure.request_id, metadata=failure.metadata
    )


def _message(failure: _Failure, target: str, timeout: float) -> str:
    match failure.code:
        case grpc.StatusCode.CANCELLED:
            return f"{target} cancelled the call: {failure.text}"
        case grpc.StatusCode.UNAVAILABLE:
            return f"{target} is unavailable: {failure.text}{'' if failure.reason else _QUESTIONS}"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"no answer from {target} within {timeout:g} s: {failure.text}"
        case grpc.StatusCode.UNIMPLEMENTED:
            return f"{target} does not offer this call; is it a Ridgeline server? {failure.text}"
        case code if code in _CLASSES:
            return failure.text
        case code:
            return f"{target} failed with {code.name}: {failure.text}"


def _invalid_input(failure: _Failure) -> errors.InvalidInput:
    if failure.violations:
        count = _whole_number(failure.metadata.get("violation_count", "")) or 0
        error = errors.InvalidInput.listing(failure.violations, count)
    else:
        error = errors.InvalidInput(failure.text)
        error.violation_count = 1
    error.reason = failure.reason or Reason.INVALID_INPUT
    error.request_id = failure.request_id
    error.metadata = failure.metadata
    return error


def _exhausted(failure: _Failure, target: str) -> RidgelineError:
    if sizes := _SIZE_TEXT.search(failure.text):
        size, limit = int(sizes[1]), int(sizes[2])
        text = (
            f"a message of {size:,} bytes was refused, the limit is {limit:,}: ask for fewer rows at a time"
        )
        too_large = _error(errors.MessageTooLarge, text, failure)
        too_large.size, too_large.limit = size, limit
        return too_large
    text = (
        failure.text if failure.reason == Reason.RATE_EXCEEDED else f"{target} is overloaded: {failure.text}"
    )
    overloaded = _error(errors.Overloaded, text, failure)
    overloaded.retry_after = failure.retry_after
    return overloaded


def _price_rejected(failure: _Failure) -> errors.PriceRejected:
    error = _error(errors.PriceRejected, failure.text, failure)
    try:
        error.model_price = float(failure.metadata.get("model_price", "nan"))
    except ValueError:
        error.model_price = math.nan
    return error


def _failure_of(call: grpc.RpcError) -> _Failure:
    return _failure(call.code(), call.details() or "", _details_of(call), _pushback(call))


def _failure(code: grpc.StatusCode, text: str, details: list[Any], retry_after: float | None) -> _Failure:
    info, bad, request = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RequestInfo(),
    )
    for detail in details:
        for message in (info, bad, request):
            detail.Unpack(message)
    return _Failure(
        code=code,
        text=text,
        reason=info.reason,
        request_id=request.request_id,
        metadata=dict(info.metadata),
        violations=tuple(_violation(violation) for violation in bad.field_violations),
        retry_after=retry_after,
    )


def _details_of(call: grpc.RpcError) -> list[Any]:
    try:
        status = rpc_status.from_call(cast("grpc.Call", call))
    except ValueError:  # a proxy rewrote the code or the text: the details no longer belong to them
        return []
    return list(status.details) if status is not None else []


def _pushback(call: grpc.RpcError) -> float | None:
    for trailer in call.trailing_metadata() or ():
        if trailer.key == PUSHBACK_TRAILER:
            wait = _whole_number(str(trailer.value))
            return None if wait is None else wait / 1000
    return None


def _whole_number(digits: str) -> int | None:
    return int(digits) if re.fullmatch("[0-9]{1,9}", digits) else None


def _violation(wire: error_details_pb2.BadRequest.FieldViolation) -> Violation:
    name = _QUOTED_NAME.search(wire.field)
    row = _RECORD_INDEX.search(wire.field)
    return Violation(
        field=wire.field,
        feature=_unquoted(name[0][1:-1]) if name else "",
        row=int(row[1]) if row else None,
        # Older googleapis-common-protos, which the client may run beside, know no such field.
        reason=getattr(wire, "reason", ""),
        message=wire.description,
    )


def _unquoted(quoted: str) -> str:
    try:
        return str(json.loads(quoted))
    except ValueError:
        return quoted[1:-1]
