from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from ridgeline.reasons import ERROR_DOMAIN
from ridgeline_client import errors
from ridgeline_client.status import error_of

Trailer = namedtuple("Trailer", ["key", "value"])  # noqa: PYI024 - as gRPC has it


class FailedCall(grpc.RpcError):
    """A finished call, as grpc raises it."""

    def __init__(self, code: grpc.StatusCode, text: str, details: list[Any], trailers: list[Trailer]) -> None:
        super().__init__(text)
        self._code, self._text, self._trailers = code, text, list(trailers)
        if details:
            packed = [any_pb2.Any() for _ in details]
            for place, detail in zip(packed, details, strict=True):
                place.Pack(detail)
            status = status_pb2.Status(code=code.value[0], message=text, details=packed)
            self._trailers += [Trailer(*item) for item in rpc_status.to_status(status).trailing_metadata]

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._text

    def trailing_metadata(self) -> Any:
        return self._trailers


def mapped(code: grpc.StatusCode, text: str = "said so", *details: Any, trailers: Any = ()) -> Any:
    return error_of(FailedCall(code, text, list(details), list(trailers)), "prices:50051", 2.0)


def info(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain=ERROR_DOMAIN, metadata=metadata)


CLASS_OF_CODE = {
    grpc.StatusCode.CANCELLED: errors.Unavailable,
    grpc.StatusCode.UNKNOWN: errors.ServerError,
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidInput,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.NOT_FOUND: errors.ModelNotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.ServerError,
    grpc.StatusCode.PERMISSION_DENIED: errors.AccessDenied,
    grpc.StatusCode.UNAUTHENTICATED: errors.AccessDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.Overloaded,
    grpc.StatusCode.FAILED_PRECONDITION: errors.PreconditionFailed,
    grpc.StatusCode.ABORTED: errors.ServerError,
    grpc.StatusCode.OUT_OF_RANGE: errors.InvalidInput,
    grpc.StatusCode.UNIMPLEMENTED: errors.ServerError,
    grpc.StatusCode.INTERNAL: errors.ServerError,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    grpc.StatusCode.DATA_LOSS: errors.ServerError,
}


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_status_code_has_its_error_class(code: grpc.StatusCode) -> None:
    error = mapped(code)
    assert type(error) is CLASS_OF_CODE[code]
    assert "said so" in str(error)


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_error_carries_reason_request_id_and_metadata(code: grpc.StatusCode) -> None:
    error = mapped(code, "no", info("A_REASON", k="v"), error_details_pb2.RequestInfo(request_id="r-17"))
    assert (error.reason, error.request_id, error.metadata) == ("A_REASON", "r-17", {"k": "v"})
    assert "(request id r-17)" in str(error)


def test_violations_name_field_feature_row_and_reason() -> None:
    bad = error_details_pb2.BadRequest()
    bad.field_violations.add(
        field='record.numeric["screen_size"]', reason="OUT_OF_VALID_RANGE", description="got 900, at most 120"
    )
    bad.field_violations.add(
        field=r'rows.records[17].categorical["a \"b\""]', reason="WRONG_KIND", description="text expected"
    )
    bad.field_violations.add(field="columns.row_count", reason="WRONG_LENGTH", description="must be 3")
    error = mapped(
        grpc.StatusCode.INVALID_ARGUMENT, "bad input", info("INVALID_INPUT", violation_count="40"), bad
    )
    assert error.violations == (
        errors.Violation(
            'record.numeric["screen_size"]', "screen_size", None, "OUT_OF_VALID_RANGE", "got 900, at most 120"
        ),
        errors.Violation(
            r'rows.records[17].categorical["a \"b\""]', 'a "b"', 17, "WRONG_KIND", "text expected"
        ),
        errors.Violation("columns.row_count", "", None, "WRONG_LENGTH", "must be 3"),
    )
    assert error.violation_count == 40
    assert str(error).splitlines() == [
        "40 problems in the input:",
        "  screen_size: got 900, at most 120",
        '  row 17, a "b": text expected',
        "  columns.row_count: must be 3",
        "  and 37 more",
    ]


@pytest.mark.parametrize(("told", "price"), [("612.5", 612.5), ("nan", math.nan), ("much", math.nan)])
def test_a_rejected_price_says_what_the_model_said(told: str, price: float) -> None:
    error = mapped(grpc.StatusCode.FAILED_PRECONDITION, "above 500", info("PRICE_REJECTED", model_price=told))
    assert type(error) is errors.PriceRejected
    assert error.model_price == pytest.approx(price, nan_ok=True)


def test_an_overload_says_how_long_to_wait() -> None:
    pushback = [Trailer("grpc-retry-pushback-ms", "250")]
    assert mapped(grpc.StatusCode.RESOURCE_EXHAUSTED, trailers=pushback).retry_after == 0.25
    assert mapped(grpc.StatusCode.RESOURCE_EXHAUSTED).retry_after is None
    for odd in ("-1", "²", "9" * 5_000):
        trailers = [Trailer("grpc-retry-pushback-ms", odd)]
        assert mapped(grpc.StatusCode.RESOURCE_EXHAUSTED, trailers=trailers).retry_after is None


def test_details_that_contradict_the_status_are_left_out() -> None:
    call = FailedCall(grpc.StatusCode.NOT_FOUND, "no such model", [info("UNKNOWN_MODEL")], [])
    call._text = "rewritten on the way"
    error = error_of(call, "prices:50051", 2.0)
    assert type(error) is errors.ModelNotFound
    assert error.reason == ""


def test_messages_name_the_target_and_the_timeout() -> None:
    assert "prices:50051" in str(mapped(grpc.StatusCode.UNAVAILABLE))
    assert "within 2 s" in str(mapped(grpc.StatusCode.DEADLINE_EXCEEDED))
    assert "is it a Ridgeline server?" in str(mapped(grpc.StatusCode.UNIMPLEMENTED))
