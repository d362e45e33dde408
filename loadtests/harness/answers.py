"""Whether an answer is the one its request must get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import grpc
import numpy as np
import numpy.typing as npt

from harness.workload import Request
from ridgeline.notices import NoticeKind
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import errors
from ridgeline_client.description import Guard
from ridgeline_client.status import error_of, error_of_status

_SERVER = "the server"
_OUTSIDE = "OK with a price outside the model's price range"
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request.

    Attributes:
        priced: rows that got a price.
        refused: rows without a price, as it must be: the invalid ones, and those the guard's policy rejects.
        problem: what is wrong with the answer, a gRPC status first; "" when it is the expected one. Equal
            problems have equal texts.
    """

    priced: int = 0
    refused: int = 0
    problem: str = ""


class Judge:
    """Compares answers with what a model promises.

    Args:
        guard: the model's: prices lie in its range, and its policy may give none.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def prediction(self, request: Request, response: pb.PredictResponse) -> Outcome:
        """Judge the answer to a single row."""
        price = response.prediction.price
        if request.faults:
            return Outcome(problem=f"OK for an invalid record ({request.faults[0]})")
        if not self._guard.min_price <= price <= self._guard.max_price:
            return Outcome(problem=_OUTSIDE)
        return Outcome(priced=1)

    def predictions(self, request: Request, batch: pb.PredictionBatch) -> Outcome:
        """Judge the answer to a batch or chunk."""
        if not batch.row_count == len(batch.price) == len(batch.flags) == request.row_count:
            return Outcome(problem="OK with another number of rows than were sent")
        price, flags = np.array(batch.price), np.array(batch.flags)
        if problem := _wrong_refusals(
            request.faults, batch, np.flatnonzero(flags & NoticeKind.ROW_ERROR.bit)
        ):
            return Outcome(problem=problem)
        without = (flags & (NoticeKind.ROW_ERROR.bit | NoticeKind.REJECTED.bit)) != 0
        inside = (self._guard.min_price <= price) & (price <= self._guard.max_price)
        if (inside == without).any():
            return Outcome(problem=_OUTSIDE)
        refused = int(without.sum())
        return Outcome(priced=request.row_count - refused, refused=refused)

    def chunk(self, request: Request, sequence: int, response: pb.PredictStreamResponse) -> Outcome:
        """Judge the answer to chunk number `sequence` of a stream."""
        result = response.result
        if response.WhichOneof("message") != "result" or result.sequence != sequence:
            return Outcome(problem="OK with another chunk's answer in the place of this one's")
        if result.HasField("error"):
            error = error_of_status(result.error, _SERVER)
            return Outcome(problem=f"{_CODES.get(result.error.code, 'UNKNOWN')} in a chunk {_why(error)}")
        return self.predictions(request, result.predictions)

    def failure(self, request: Request, call: grpc.RpcError) -> Outcome:
        """Judge a call that ended with an error."""
        error = error_of(call, _SERVER, 0.0)
        single = request.row_count == 1
        rejects = self._guard.policy == "reject"
        if single and rejects and not request.faults and isinstance(error, errors.PriceRejected):
            return Outcome(refused=1)
        finished = cast("grpc.Call", call)
        invalid = finished.code() is grpc.StatusCode.INVALID_ARGUMENT
        violated = [v.reason for v in error.violations] if isinstance(error, errors.InvalidInput) else []
        if single and invalid and violated == [request.faults.get(0)]:
            return Outcome(refused=1)
        return Outcome(problem=f"{finished.code().name} {_why(error) or _start(finished.details())}")


def _wrong_refusals(
    faults: Mapping[int, Reason], batch: pb.PredictionBatch, refused: npt.NDArray[np.intp]
) -> str:
    rows = set(refused.tolist())
    if rows - faults.keys():
        return "OK with a valid row refused"
    if faults.keys() - rows:
        return "OK with an invalid row priced"
    # The answer lists the first 1,000 violations only.
    if any(faults[error.row] != error.reason for error in batch.row_errors):
        return "OK with a row refused for another reason"
    return ""


def _why(error: errors.RidgelineError) -> str:
    """The reason in a text that is the same for equal causes."""
    return ", ".join(_reasons(error)) if isinstance(error, errors.InvalidInput) else error.reason


def _reasons(error: errors.InvalidInput) -> list[str]:
    return sorted({violation.reason for violation in error.violations})


def _start(details: str | None) -> str:
    return (details or "").partition("\n")[0][:80]
