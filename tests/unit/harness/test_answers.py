from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from harness.answers import Judge, Outcome
from harness.workload import Request
from ridgeline.notices import NoticeKind
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client.description import Guard

CLAMP = Judge(Guard(10.0, 500.0, "clamp", 0.5))
REJECT = Judge(Guard(10.0, 500.0, "reject", 0.5))
VALID = Request(b"", 1, {})
INFINITE = Request(b"", 1, {0: Reason.NOT_FINITE})
THREE = Request(b"", 3, {1: Reason.NOT_FINITE})
OUTSIDE = Outcome(problem="OK with a price outside the model's price range")


class Trailer(NamedTuple):
    key: str
    value: bytes


class Failed(grpc.RpcError):
    """A call that ended with an error."""

    def __init__(self, code: grpc.StatusCode, text: str = "", details: Sequence[Any] = ()) -> None:
        self._code, self._text = code, text
        status = status_pb2.Status(code=code.value[0], message=text)
        for detail in details:
            status.details.add().Pack(detail)
        trailer = Trailer("grpc-status-details-bin", status.SerializeToString())
        self._trailers = (trailer,) if details else ()

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._text

    def trailing_metadata(self) -> tuple[Any, ...]:
        return self._trailers


def refusal(*reasons: Reason, code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT) -> Failed:
    violations = [error_details_pb2.BadRequest.FieldViolation(field="x", reason=reason) for reason in reasons]
    info = error_details_pb2.ErrorInfo(reason=Reason.INVALID_INPUT)
    bad = error_details_pb2.BadRequest(field_violations=violations)
    return Failed(code, "2 problems", [info, bad])


def rejection() -> Failed:
    info = error_details_pb2.ErrorInfo(reason=Reason.PRICE_REJECTED, metadata={"model_price": "700.5"})
    return Failed(grpc.StatusCode.FAILED_PRECONDITION, "700.5 is too high", [info])


def priced(price: float) -> pb.PredictResponse:
    return pb.PredictResponse(prediction=pb.Prediction(price=price))


def batch(
    prices: Sequence[float], errors: Mapping[int, Reason] | None = None, rejected: Sequence[int] = ()
) -> pb.PredictionBatch:
    errors = errors or {}
    flags = [
        NoticeKind.ROW_ERROR.bit if row in errors else NoticeKind.REJECTED.bit if row in rejected else 1
        for row in range(len(prices))
    ]
    return pb.PredictionBatch(
        row_count=len(prices),
        price=prices,
        flags=flags,
        row_errors=[pb.RowError(row=row, reason=reason) for row, reason in errors.items()],
        error_row_count=len(errors),
    )


def test_a_price_in_the_range_is_right() -> None:
    assert CLAMP.prediction(VALID, priced(10.0)) == Outcome(priced=1)
    assert CLAMP.prediction(VALID, priced(500.0)) == Outcome(priced=1)


@pytest.mark.parametrize("price", [9.99, 500.01, math.nan, 0.0])
def test_any_other_price_is_wrong(price: float) -> None:
    assert CLAMP.prediction(VALID, priced(price)) == OUTSIDE


def test_a_price_for_an_invalid_record_is_wrong() -> None:
    assert CLAMP.prediction(INFINITE, priced(100)).problem == "OK for an invalid record (NOT_FINITE)"


def test_an_invalid_record_must_be_refused_for_its_reason() -> None:
    assert CLAMP.failure(INFINITE, refusal(Reason.NOT_FINITE)) == Outcome(refused=1)
    more = CLAMP.failure(INFINITE, refusal(Reason.NOT_FINITE, Reason.UNKNOWN_FEATURE))
    assert more == Outcome(problem="INVALID_ARGUMENT NOT_FINITE, UNKNOWN_FEATURE")
    twice = CLAMP.failure(INFINITE, refusal(Reason.NOT_FINITE, Reason.NOT_FINITE))
    assert twice == Outcome(problem="INVALID_ARGUMENT NOT_FINITE")
    other = CLAMP.failure(INFINITE, refusal(Reason.WRONG_KIND, Reason.UNKNOWN_FEATURE))
    assert other == Outcome(problem="INVALID_ARGUMENT UNKNOWN_FEATURE, WRONG_KIND")


def test_an_invalid_record_must_be_refused_with_its_status() -> None:
    refused = refusal(Reason.NOT_FINITE, code=grpc.StatusCode.OUT_OF_RANGE)
    assert CLAMP.failure(INFINITE, refused) == Outcome(problem="OUT_OF_RANGE NOT_FINITE")


def test_a_valid_record_must_not_be_refused() -> None:
    assert CLAMP.failure(VALID, refusal(Reason.NOT_FINITE)).problem == "INVALID_ARGUMENT NOT_FINITE"


def test_a_rejected_price_is_right_where_the_policy_rejects() -> None:
    assert REJECT.failure(VALID, rejection()) == Outcome(refused=1)
    assert CLAMP.failure(VALID, rejection()).problem == "FAILED_PRECONDITION PRICE_REJECTED"
    assert REJECT.failure(INFINITE, rejection()).problem == "FAILED_PRECONDITION PRICE_REJECTED"


def test_an_error_without_a_reason_is_told_by_the_start_of_its_text() -> None:
    failed = Failed(grpc.StatusCode.UNAVAILABLE, "connection reset\nby ten thousand peers")
    assert CLAMP.failure(VALID, failed).problem == "UNAVAILABLE connection reset"


def test_a_refused_batch_is_wrong_even_if_one_of_its_rows_is() -> None:
    assert CLAMP.failure(THREE, refusal(Reason.NOT_FINITE)).problem == "INVALID_ARGUMENT NOT_FINITE"


def test_rows_of_a_batch_are_counted_by_what_became_of_them() -> None:
    answer = batch([20.0, math.nan, 30.0], {1: Reason.NOT_FINITE})
    assert CLAMP.predictions(THREE, answer) == Outcome(priced=2, refused=1)
    answer = batch([20.0, math.nan, math.nan], {1: Reason.NOT_FINITE}, rejected=[2])
    assert REJECT.predictions(THREE, answer) == Outcome(priced=1, refused=2)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        pytest.param(batch([20.0] * 3), "OK with an invalid row priced", id="priced"),
        pytest.param(
            batch([math.nan, math.nan, 30.0], dict.fromkeys([0, 1], Reason.NOT_FINITE)),
            "OK with a valid row refused",
            id="refused",
        ),
        pytest.param(
            batch([20.0, math.nan, 30.0], {1: Reason.WRONG_KIND}),
            "OK with a row refused for another reason",
            id="reason",
        ),
        pytest.param(batch([20.0, math.nan], {1: Reason.NOT_FINITE}), None, id="rows"),
        pytest.param(
            batch([20.0, math.nan, math.nan], {1: Reason.NOT_FINITE}), OUTSIDE.problem, id="no price"
        ),
        pytest.param(
            batch([20.0, 20.0, 30.0], {1: Reason.NOT_FINITE}), OUTSIDE.problem, id="price of an error"
        ),
        pytest.param(batch([20.0, math.nan, 501.0], {1: Reason.NOT_FINITE}), OUTSIDE.problem, id="too high"),
    ],
)
def test_a_batch_is_wrong_when_one_row_is(answer: pb.PredictionBatch, problem: str | None) -> None:
    expected = "OK with another number of rows than were sent" if problem is None else problem
    assert CLAMP.predictions(THREE, answer) == Outcome(problem=expected)


def test_violations_that_are_not_listed_are_found_by_the_flags() -> None:
    answer = batch([20.0, math.nan, 30.0], {1: Reason.NOT_FINITE})
    answer.ClearField("row_errors")
    assert CLAMP.predictions(THREE, answer) == Outcome(priced=2, refused=1)


def test_a_chunk_is_judged_by_its_rows_when_it_is_the_one_asked_for() -> None:
    predictions = batch([20.0, math.nan, 30.0], {1: Reason.NOT_FINITE})
    answer = pb.PredictStreamResponse(result=pb.ChunkResult(sequence=4, predictions=predictions))
    assert CLAMP.chunk(THREE, 4, answer) == Outcome(priced=2, refused=1)
    for other in (answer, pb.PredictStreamResponse(opened=pb.StreamOpened())):
        assert (
            CLAMP.chunk(THREE, 5, other).problem
            == "OK with another chunk's answer in the place of this one's"
        )


def test_a_chunk_with_an_error_is_wrong() -> None:
    info = error_details_pb2.ErrorInfo(reason=Reason.ROW_LIMIT_EXCEEDED)
    error = status_pb2.Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0])
    error.details.add().Pack(info)
    answer = pb.PredictStreamResponse(result=pb.ChunkResult(sequence=0, error=error))
    assert CLAMP.chunk(THREE, 0, answer).problem.startswith("INVALID_ARGUMENT in a chunk")
