"""What can go wrong, without wire codes: `transport.status` has the one table that gives them codes.

PricingError
|-- InvalidInput            the request or its only record is refused
|   |-- RowLimitExceeded    more rows than one request may hold
|   `-- MalformedMessage    the bytes are not the message they should be
|-- NotServed               unknown model, version or label
|-- PreconditionFailed      schema or digest is not what the caller pinned
|-- PriceRejected           the guard's policy gave no price
|-- Overloaded              too many calls are waiting
|-- RateExceeded            more rows than the caller's rate allows
|-- NotReady                loading or draining
|-- DeadlinePassed          nobody waits for the answer any more, or the server's limit is over
|-- Unauthenticated         no credential, or one that is not known
|-- PermissionDenied        the caller's roles do not allow the call
`-- Unimplemented           the method is not there yet
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from ridgeline.reasons import Reason


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with a request.

    Attributes:
        reason: why.
        message: what was received, what was expected, what to do.
        field: path of the request field to blame, relative to the payload, such as `numeric["ram"]`.
        feature: the feature to blame; "" when it is not one feature.
        row: index of the row to blame, from 0; None when no row can be blamed.
    """

    reason: Reason
    message: str
    field: str = ""
    feature: str = ""
    row: int | None = None


class PricingError(Exception):
    """Base of every error a caller may see. `metadata` goes into ErrorInfo."""

    def __init__(self, reason: Reason, message: str, metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})


class InvalidInput(PricingError):
    """The request, or its only record, is refused. `count` violations were found, some are listed."""

    def __init__(
        self,
        violations: Sequence[Violation],
        *,
        count: int | None = None,
        reason: Reason = Reason.INVALID_INPUT,
    ) -> None:
        self.violations = tuple(violations)
        self.count = len(self.violations) if count is None else count
        told = len(self.violations)
        more = f" (and {self.count - 1} more)" if told > 1 else ""
        super().__init__(reason, self.violations[0].message + more, {"violation_count": str(self.count)})

    def below(self, prefix: str) -> Self:
        """Put every field path below `prefix`, such as "columns"; returns the error itself."""
        self.violations = tuple(
            replace(v, field=f"{prefix}.{v.field}" if prefix and v.field else prefix or v.field)
            for v in self.violations
        )
        return self


class RowLimitExceeded(InvalidInput):
    """More rows than one request may hold."""

    def __init__(self, field: str, rows: int, limit: int) -> None:
        message = f"{rows} rows in one request, at most {limit} are allowed: send them in several requests"
        violation = Violation(Reason.ROW_LIMIT_EXCEEDED, message, field)
        super().__init__([violation], reason=Reason.ROW_LIMIT_EXCEEDED)


class MalformedMessage(InvalidInput):
    """The bytes are not the message they should be."""

    def __init__(self, message: str) -> None:
        super().__init__([Violation(Reason.MALFORMED_MESSAGE, message)], reason=Reason.MALFORMED_MESSAGE)


class NotServed(PricingError):
    """Unknown model, version or label."""


class PreconditionFailed(PricingError):
    """Schema or digest is not what the caller pinned."""


class PriceRejected(PricingError):
    """The guard's policy gave no price for `model_price`."""

    def __init__(self, model_price: float, message: str) -> None:
        super().__init__(Reason.PRICE_REJECTED, message, {"model_price": repr(model_price)})


class Overloaded(PricingError):
    """Too many calls are waiting; try again after `retry_after_ms`."""

    def __init__(self, retry_after_ms: int) -> None:
        if retry_after_ms < 1:
            raise ValueError("a wait of 0 ms makes gRPC clients hold the call until its deadline")
        message = f"the server is overloaded, try again in {retry_after_ms} ms"
        super().__init__(Reason.OVERLOADED, message)
        self.retry_after_ms = retry_after_ms


class RateExceeded(PricingError):
    """More rows than the caller's rate allows; they may come after `retry_after_ms`, or never when that is
    `NEVER`."""

    NEVER = -1

    def __init__(self, rows: int, rows_per_second: int, wait_s: float) -> None:
        """`wait_s`: seconds until so many rows are allowed, infinity when they never are in one call."""
        told = f"{rows} rows are more than your rate of {rows_per_second} rows per second allows"
        if math.isinf(wait_s):
            self.retry_after_ms = self.NEVER
            advice = f"send at most {rows_per_second} rows in one call"
        else:
            self.retry_after_ms = max(1, math.ceil(1_000 * wait_s))
            advice = f"try again in {self.retry_after_ms} ms"
        metadata = {"rows": str(rows), "rows_per_second": str(rows_per_second)}
        super().__init__(Reason.RATE_EXCEEDED, f"{told}: {advice}", metadata)


class NotReady(PricingError):
    """The server is loading or draining."""

    def __init__(self, state: str) -> None:
        super().__init__(
            Reason.NOT_READY, f"the server is {state}, try another one or try again", {"state": state}
        )


class DeadlinePassed(PricingError):
    """The caller's deadline, or the server's limit, passed: nothing more is computed."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.DEADLINE_EXCEEDED, message)


class Unauthenticated(PricingError):
    """No credential, or one that is not known."""


class PermissionDenied(PricingError):
    """The caller's roles do not allow the call."""
