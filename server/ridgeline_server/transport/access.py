"""Who calls, and whether they may.

A token is in the call's metadata, which grpcio shows on its serving thread, before the call takes a thread
(`refusal`). A certificate's subject it shows only to the call's own thread (`caller`): so a call without a
token goes on, when subjects are known at all, and is refused there before anybody waits for its message.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass

import grpc

from ridgeline.reasons import Reason
from ridgeline_server.access.register import (
    ANYBODY,
    Caller,
    Register,
    require_method,
    unauthenticated,
)
from ridgeline_server.access.roles import OPEN_METHODS
from ridgeline_server.access.tokens import bearer_tokens
from ridgeline_server.errors import PermissionDenied, PricingError, RateExceeded
from ridgeline_server.transport.tls import peer_subject

_NO_CREDENTIAL = "the call has no credential: send the metadata authorization: Bearer TOKEN"
_UNCLEAR = "the metadata authorization is not one bearer token: send authorization: Bearer TOKEN, once"

# grpcio has a context for each call, and runs `ServiceHandler.service` and the call itself in it.
_known: ContextVar[Caller] = ContextVar("caller")
_asks_for: ContextVar[str] = ContextVar("method")

_NOT_THERE = "the server calls itself here, to see whether it answers: call it on its port"


@dataclass(frozen=True, slots=True)
class Access:
    """Answers with the register of the moment; None: everybody may call.

    Attributes:
        register: the register.
        now: seconds since 1970, for what expires.
        clock: seconds that never go back, for rates.
    """

    register: Callable[[], Register | None] = lambda: None
    now: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic

    def refusal(self, method: str, metadata: Iterable[tuple[str, str | bytes]]) -> PricingError | None:
        """Say why a call must not go on, before it takes a thread: None when it may, or may for now."""
        _asks_for.set(method)
        register = self.register()
        if register is None or method in OPEN_METHODS:
            _known.set(ANYBODY)
            return None
        try:
            self._check_token(register, method, bearer_tokens(metadata))
        except PricingError as error:
            return error
        return None

    def known(self) -> Caller:
        """Who calls, as far as `refusal` has found out."""
        return _known.get(ANYBODY)

    def caller(self, context: grpc.ServicerContext, peer: str) -> Caller:
        """Return who calls from `peer`; `refusal` comes before. Raises Unauthenticated, PermissionDenied."""
        # Over the address of `SelfCall` nobody is asked for a certificate.
        if peer.startswith("unix") and _asks_for.get("") not in OPEN_METHODS:
            raise PermissionDenied(Reason.PERMISSION_DENIED, _NOT_THERE)
        register = self.register()
        if register is None:
            return ANYBODY
        if (known := _known.get(None)) is not None:
            return known
        subject = peer_subject(context.auth_context())
        if not subject:
            raise unauthenticated(_NO_CREDENTIAL)
        caller = register.by_subject(subject, self.now())
        require_method(caller, _asks_for.get(""))
        return caller

    def again(self, context: grpc.ServicerContext, peer: str) -> Caller:
        """Return who calls now, long after `refusal` and `caller`. Raises as they do."""
        refusal = self.refusal(_asks_for.get(""), context.invocation_metadata())
        if refusal is not None:
            raise refusal
        return self.caller(context, peer)

    def take(self, caller: Caller, rows: int) -> None:
        """Count rows against the caller's rate. Raises RateExceeded."""
        bucket = caller.bucket
        if bucket is not None and (wait_s := bucket.take(rows, self.clock())):
            raise RateExceeded(rows, bucket.rate, wait_s)

    def owe(self, caller: Caller, rows: int) -> None:
        """Count rows against the caller's rate, although they may be more than it allows."""
        if caller.bucket is not None:
            caller.bucket.owe(rows, self.clock())

    def debt(self, caller: Caller) -> float:
        """Seconds until the caller may send more."""
        return 0.0 if caller.bucket is None else caller.bucket.debt(self.clock())

    def _check_token(self, register: Register, method: str, tokens: list[str]) -> None:
        if not tokens and register.has_subjects:
            return
        if len(tokens) != 1 or not tokens[0]:
            raise unauthenticated(_NO_CREDENTIAL if not tokens else _UNCLEAR)
        caller = register.by_token(tokens[0], self.now())
        _known.set(caller)
        require_method(caller, method)
