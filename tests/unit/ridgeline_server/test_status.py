"""Every domain error has its code, and no status outgrows what a peer accepts as metadata."""

from __future__ import annotations

import urllib.parse

import grpc
import pytest
from google.rpc import error_details_pb2

from ridgeline.reasons import ERROR_DOMAIN, Reason
from ridgeline_server import errors
from ridgeline_server.errors import PricingError, Violation
from ridgeline_server.transport.status import CODES, LISTED, code_of, internal, rpc_status_of, wire_status

PEER_LIMIT = 8 * 1024


def subclasses(cls: type[PricingError]) -> set[type[PricingError]]:
    return {cls}.union(*(subclasses(c) for c in cls.__subclasses__()))


def test_every_error_class_has_a_code_of_its_own_or_its_base() -> None:
    for cls in subclasses(PricingError) - {PricingError}:
        assert any(base in CODES for base in cls.__mro__), cls


def test_special_errors_have_the_code_of_their_base() -> None:
    assert code_of(errors.RowLimitExceeded("rows", 2, 1)) is grpc.StatusCode.INVALID_ARGUMENT
    assert code_of(errors.MalformedMessage("no message")) is grpc.StatusCode.INVALID_ARGUMENT


def test_the_unforeseen_is_internal_and_says_only_where_to_ask() -> None:
    error = internal("abc")
    assert code_of(error) is grpc.StatusCode.INTERNAL
    assert rpc_status_of(error, "abc").message == "internal error, request id abc"


@pytest.mark.parametrize("letter", ["x", "\N{SNOWMAN}", "\N{FACE WITH TEARS OF JOY}"])
@pytest.mark.parametrize("length", [1, 200, 100_000])
@pytest.mark.parametrize("count", [1, 19, 20, 21, 1_000])
def test_a_status_fits_into_a_peers_metadata(count: int, length: int, letter: str) -> None:
    name = letter * length
    violation = Violation(Reason.UNKNOWN_FEATURE, f"{name} is unknown", f'numeric["{name}"]', name, 0)
    status = wire_status(errors.InvalidInput([violation] * count), "id")
    assert status.code is grpc.StatusCode.INVALID_ARGUMENT
    percent_encoded = len(urllib.parse.quote(status.details))
    base64_encoded = sum(len(k) + len(v) * 4 / 3 for k, v in status.trailing_metadata)
    assert percent_encoded + base64_encoded < PEER_LIMIT


def test_twenty_violations_are_named_and_all_are_counted() -> None:
    violations = [Violation(Reason.NOT_FINITE, f"problem {i}", f"field[{i}]", "f", 0) for i in range(50)]
    status = rpc_status_of(errors.InvalidInput(violations), "id")
    info, request, bad = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.RequestInfo(),
        error_details_pb2.BadRequest(),
    )
    for packed, message in zip(status.details, (info, request, bad), strict=True):
        assert packed.Unpack(message)
    assert (info.reason, info.domain, info.metadata["violation_count"]) == (
        "INVALID_INPUT",
        ERROR_DOMAIN,
        "50",
    )
    assert request.request_id == "id"
    assert [v.field for v in bad.field_violations] == [f"field[{i}]" for i in range(LISTED)]
    assert {v.reason for v in bad.field_violations} == {"NOT_FINITE"}


def test_overload_tells_the_client_when_to_come_back() -> None:
    metadata = dict(wire_status(errors.Overloaded(250), "id").trailing_metadata)
    assert metadata["grpc-retry-pushback-ms"] == "250"
    assert "grpc-status-details-bin" in metadata


def test_clients_are_never_told_to_come_back_at_once() -> None:
    with pytest.raises(ValueError, match="0 ms"):
        errors.Overloaded(0)
