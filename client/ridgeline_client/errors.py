"""What a client call can raise.

    RidgelineError
    ├── RequestError              the request is at fault; sending it again does not help
    │   ├── InvalidInput            a feature, a row or a field is wrong; `violations` names each
    │   ├── MessageTooLarge         more bytes than one message may hold; nothing was sent, or it was refused
    │   ├── ModelNotFound           the model, version or label is not served
    │   ├── PreconditionFailed      the digest is no longer served, or the schema is another one
    │   ├── PriceRejected           the guard's policy gave no price; `model_price` is what the model said
    │   └── AccessDenied            no credential, a bad one, or one without the role
    └── ServiceError              the service is at fault; the same request may succeed later
        ├── Unavailable             no server could be reached, it is loading or draining, or it cancelled
        ├── Overloaded              the server sheds load, or the caller's rate is exceeded; `retry_after`
        ├── DeadlineExceeded        no answer within the timeout
        └── ServerError             anything else; quote the request id to the operator

Unavailable and Overloaded are raised only after the retry policy has given up, except by `health`, which is
never tried again. An error that came from a gRPC call keeps the `grpc.RpcError` as `__cause__`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ridgeline.reasons import Reason

SHOWN_VIOLATIONS = 20
"""Violations spelt out in an error's text; `InvalidInput.violations` has all that are known."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with the input."""

    field: str
    """Path in the request message, such as `record.numeric["memory"]`; "" when found before sending."""
    feature: str
    """The feature; "" when no single feature is to blame."""
    row: int | None
    """Index in the batch, from 0; None for a single record or when no single row is to blame."""
    reason: str
    """Why, in UPPER_SNAKE_CASE (`ridgeline.reasons.Reason`)."""
    message: str
    """What was received, what was expected, what to do."""

    def __str__(self) -> str:
        row = "" if self.row is None else f"row {self.row}"
        place = self.feature or self.field
        where = ", ".join(part for part in (row, place) if part and part not in self.message)
        return f"{where}: {self.message}" if where else self.message


class RidgelineError(Exception):
    """Base of everything the client raises about a call.

    Attributes:
        message: one or more sentences for a person.
        reason: UPPER_SNAKE_CASE word for a program, "" when the answer had none.
        request_id: the server's id of the call, "" when unknown.
        metadata: further facts the server sent, by name.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        request_id: str = "",
        metadata: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.request_id = request_id
        self.metadata = metadata or {}

    def __str__(self) -> str:
        return f"{self.message} (request id {self.request_id})" if self.request_id else self.message


class RequestError(RidgelineError):
    """The request is at fault; sending it again does not help."""


class InvalidInput(RequestError):
    """The input was refused, here or by the server.

    Attributes:
        violations: what is wrong, as far as it is known one by one.
        violation_count: how many things are wrong, listed or not.
    """

    violations: tuple[Violation, ...] = ()
    violation_count: int = 0

    @classmethod
    def listing(cls, violations: Sequence[Violation], count: int = 0) -> InvalidInput:
        """Build the error from its violations; `count` when there are more than are listed."""
        total = max(len(violations), count)
        shown = [f"  {violation}" for violation in violations[:SHOWN_VIOLATIONS]]
        if total > len(shown):
            shown.append(f"  and {total - len(shown)} more")
        noun = "problem" if total == 1 else "problems"
        error = cls("\n".join([f"{total} {noun} in the input:", *shown]), reason=Reason.INVALID_INPUT)
        error.violations = tuple(violations)
        error.violation_count = total
        return error

    def with_violations(self, violations: Sequence[Violation]) -> InvalidInput:
        """Return the same refusal with other words for what is wrong."""
        if not violations:
            return self
        error = self.listing(violations, self.violation_count)
        error.reason, error.request_id, error.metadata = self.reason, self.request_id, self.metadata
        return error


class MessageTooLarge(RequestError):
    """A message has more bytes than one message may hold.

    Attributes:
        size: bytes of the message; None when only the other side knows.
        limit: bytes one message may have; None when only the other side knows.
    """

    size: int | None = None
    limit: int | None = None

    @classmethod
    def of_request(cls, size: int, limit: int, row_count: int) -> MessageTooLarge:
        """The error for a request that was not sent."""
        fitting = row_count * limit // size
        advice = (
            f"send at most about {fitting:,} rows at a time"
            if fitting
            else "even one row is too large: check its values"
        )
        error = cls(
            f"the request has {size:,} bytes, the limit is {limit:,}; nothing was sent: {advice}",
            reason="MESSAGE_TOO_LARGE",
        )
        error.size, error.limit = size, limit
        return error


class ModelNotFound(RequestError):
    """The model, version or label is not served."""


class PreconditionFailed(RequestError):
    """The digest is no longer served, or the caller's schema is not the model's."""


class PriceRejected(RequestError):
    """The guard's policy gave no price.

    Attributes:
        model_price: what the model said, in the model's currency; NaN when it said nothing usable.
    """

    model_price: float = math.nan


class AccessDenied(RequestError):
    """No credential, a bad one, or one without the role."""


class ServiceError(RidgelineError):
    """The service is at fault; the same request may succeed later."""


class Unavailable(ServiceError):
    """No server could be reached, it is loading or draining, or it cancelled the call."""


class Overloaded(ServiceError):
    """The server sheds load, or the caller asks for more rows than its rate allows (reason RATE_EXCEEDED).

    Attributes:
        retry_after: seconds the server asks to wait before trying again; None when it did not say.
    """

    retry_after: float | None = None


class DeadlineExceeded(ServiceError):
    """No answer within the timeout."""


class ServerError(ServiceError):
    """An unforeseen failure of the server, or an answer that is no pricing server's."""
