"""One call as callers, metrics and logs know it: its request id, what came of it, how long it took."""

from __future__ import annotations

import itertools
import logging
import math
import os
import re
import time
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import grpc

from ridgeline_server.access.register import Caller
from ridgeline_server.domain import Tally
from ridgeline_server.engine.artifact import Version
from ridgeline_server.errors import DeadlinePassed, InvalidInput, PricingError
from ridgeline_server.monitoring.line_limit import LineLimit
from ridgeline_server.monitoring.observer import CallTracer, Observers
from ridgeline_server.transport.access import Access
from ridgeline_server.transport.in_flight import InFlight
from ridgeline_server.transport.status import REQUEST_ID_TRAILER, WireStatus, internal, wire_status

_log = logging.getLogger(__name__)

arrived: ContextVar[float] = ContextVar("arrived", default=math.inf)
"""When the call of this thread came, on the performance counter: grpcio gives each call a context of its own,
and runs both the search for its handler and the handler in it."""

REQUEST_ID_HEADER = "x-request-id"
"""Metadata under which a caller may name its call."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_PROCESS = os.urandom(4).hex()  # once: asking the system for each call would be half the cost of an id
_numbers = itertools.count()

# The server, not the caller, is to blame for these.
_SERIOUS = (
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
)


@dataclass(frozen=True, slots=True)
class Calls:
    """Begins calls; answers that take `slow_s` seconds or more are worth a warning, and a unary call
    that is not answered `longest_s` seconds after it came is not worked on any more."""

    observers: Observers
    slow_s: float
    tracer: CallTracer | None = None
    longest_s: float = math.inf
    in_flight: InFlight = field(default_factory=InFlight)
    lines: LineLimit = field(default_factory=lambda: LineLimit(time.monotonic))
    access: Access = field(default_factory=Access)

    def begin(self, method: str, context: grpc.ServicerContext) -> Call:
        """A call of `method` has got its thread."""
        return Call(self, method, context)


class Call:
    """One call. Whoever begins it ends it, once: with `succeed`, `fail` or `leave`.

    Attributes:
        method: name of the method, without its service.
        request_id: the caller's, or a fresh one.
        caller: who calls, as far as that is known before `identify`.
        version: what answers, once that is known.
        rows: how many have been priced.
        expires: when it is too late to work on it, on the performance counter.
        slowed: over its caller's rate it waits, instead of being refused.
    """

    version: Version | None = None
    rows = 0
    expires = math.inf
    slowed = False
    _began = _received = _longest = 0.0

    def __init__(self, calls: Calls, method: str, context: grpc.ServicerContext) -> None:
        self._calls = calls
        self._is_active = context.is_active
        self._peer = context.peer()  # not known any more once the caller has left
        self.method = method
        self.caller: Caller = calls.access.known()
        metadata = context.invocation_metadata()
        self.request_id = _request_id(metadata)
        self._span = calls.tracer.begin(method, metadata) if calls.tracer else None
        context.set_trailing_metadata(((REQUEST_ID_TRAILER, self.request_id),))

    def require_time(self) -> None:
        """Raises DeadlinePassed when nobody waits for the answer any more, or has for too long."""
        if not self._is_active():
            raise DeadlinePassed("the deadline passed before work was done")
        if time.perf_counter() > self.expires:
            longest = self._calls.longest_s
            raise DeadlinePassed(f"the call was not answered within {longest:g} s, the server's max_call_s")

    def identify(self, context: grpc.ServicerContext) -> None:
        """Make sure of the caller. Raises Unauthenticated and PermissionDenied."""
        self.caller = self._calls.access.caller(context, self._peer)

    def identify_again(self, context: grpc.ServicerContext) -> None:
        """Make sure that the caller of an open call may still call. Raises as `identify`."""
        self.caller = self._calls.access.again(context, self._peer)

    def take(self, rows: int) -> None:
        """Count rows against the caller's rate, before they are priced. Raises RateExceeded, unless the call
        is slowed instead."""
        access = self._calls.access
        (access.owe if self.slowed else access.take)(self.caller, rows)

    def debt(self) -> float:
        """Seconds until the caller may send more."""
        return self._calls.access.debt(self.caller)

    def received(self) -> None:
        """A message is here."""
        self._received = time.perf_counter()
        self._began = self._began or self._received

    def answered(self) -> None:
        """The answer to the last message is ready to be sent."""
        seconds = time.perf_counter() - self._received
        self._longest = max(self._longest, seconds)
        self._calls.observers.answered(self.method, seconds)

    def priced(self, version: Version, tally: Tally) -> None:
        """Rows were priced."""
        self.rows += tally.rows
        self._calls.observers.priced(version.manifest, tally)
        if self._span:
            self._span.priced(tally)

    def refused(self, version: Version, error: InvalidInput) -> None:
        """All rows of a message were refused."""
        self._calls.observers.refused(version.manifest, error.violations)

    def succeed(self) -> None:
        """The call is over and all is well."""
        self._end(grpc.StatusCode.OK)

    def leave(self) -> None:
        """The caller has left."""
        self._end(grpc.StatusCode.CANCELLED)

    def fail(self, error: Exception) -> WireStatus:
        """The call is over; returns the status to abort it with."""
        told = self.tell(error)
        status = wire_status(told, self.request_id)
        self._end(status.code, told.reason)
        return status

    def tell(self, error: Exception) -> PricingError:
        """What the caller is told of an error: of the unforeseen, which is logged, no more than the id."""
        if isinstance(error, PricingError):
            return error
        unsaid = self._calls.lines.take(type(error).__name__)
        if unsaid is not None:
            _log.error("request %s failed", self.request_id, exc_info=error, extra=_extra({}, unsaid))
        return internal(self.request_id)

    def _end(self, code: grpc.StatusCode, reason: str = "") -> None:
        self._calls.observers.ended(self.method, code.name, reason)
        if self._span:
            self._span.ended(code.name, self._fields(code, reason))
        if code is not grpc.StatusCode.OK:
            level, message = logging.WARNING if code in _SERIOUS else logging.INFO, "failed call"
        elif self._longest >= self._calls.slow_s:
            level, message = logging.WARNING, "slow call"
        else:
            level, message = logging.DEBUG, "call"
        if _log.isEnabledFor(level):
            unsaid = 0 if level == logging.DEBUG else self._calls.lines.take((message, code, reason))
            if unsaid is not None:
                _log.log(level, message, extra=_extra(self._fields(code, reason), unsaid))

    def _fields(self, code: grpc.StatusCode, reason: str) -> dict[str, Any]:
        seconds = time.perf_counter() - self._began if self._began else 0.0
        fields: dict[str, Any] = {"request_id": self.request_id, "method": self.method, "code": code.name}
        if reason:
            fields["reason"] = reason
        if self.caller.name:
            fields["caller"] = self.caller.name
        if self.version is not None:
            manifest = self.version.manifest
            fields |= {"model": manifest.name, "version": manifest.version}
        fields |= {"rows": self.rows, "duration_ms": round(1_000 * seconds, 3)}
        return fields | {"peer": unquote(self._peer)}


def _extra(fields: dict[str, Any], unsaid: int) -> dict[str, Any]:
    """What a log line carries; `unsaid` lines like it came before and were kept back."""
    return {"fields": {**fields, "suppressed": unsaid} if unsaid else fields}


def _request_id(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The caller's name of the call when it can be logged, else a fresh one: 8 hexadecimal digits of the
    process and 8 of the call."""
    for key, value in metadata:
        if key == REQUEST_ID_HEADER and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            return value
    return f"{_PROCESS}{next(_numbers) & 0xFFFFFFFF:08x}"
