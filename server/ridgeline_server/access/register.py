"""Callers by their credentials, and whether they may call a method."""

from __future__ import annotations

import hmac
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ridgeline.reasons import Reason
from ridgeline_server.access.entries import Entry
from ridgeline_server.access.rate import TokenBucket
from ridgeline_server.access.roles import ANY_ROLE, METHOD_ROLES, Role
from ridgeline_server.access.tokens import token_digest, token_id
from ridgeline_server.errors import PermissionDenied, Unauthenticated

_NO_DIGEST = "0" * 64


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes:
        name: the operator's name for the caller, "" where everybody may call.
        roles: what the caller may do.
        bucket: rows the caller may have priced; None: any number.
    """

    name: str
    roles: frozenset[Role]
    bucket: TokenBucket | None = field(default=None, compare=False)


ANYBODY = Caller("", ANY_ROLE)
"""The caller where nobody is asked who it is."""


@dataclass(frozen=True, slots=True)
class _Credential:
    caller: Caller
    expires: float
    digest: str = field(default=_NO_DIGEST, repr=False)


class Register:
    """The callers of some entries. Never changes; a new one takes over the buckets of an `earlier` one, so
    that nobody gets a full bucket by a change of the file.

    Attributes:
        callers: by name.
    """

    def __init__(self, entries: Iterable[Entry], earlier: Register | None = None) -> None:
        self.callers: dict[str, Caller] = {}
        self._by_id: dict[str, _Credential] = {}
        self._by_subject: dict[str, _Credential] = {}
        before = earlier.callers if earlier else {}
        for entry in entries:
            caller = self.callers.get(entry.name) or _caller(entry, before.get(entry.name))
            self.callers[entry.name] = caller
            expires = entry.expires.timestamp() if entry.expires else math.inf
            if entry.subject is not None:
                self._by_subject[entry.subject] = _Credential(caller, expires)
            else:
                self._by_id[entry.id] = _Credential(caller, expires, entry.sha256 or _NO_DIGEST)

    @property
    def has_subjects(self) -> bool:
        """Whether there are callers who are known by their certificates."""
        return bool(self._by_subject)

    def by_token(self, token: str, now: float) -> Caller:
        """Return who has the token at `now`, seconds since 1970. Raises Unauthenticated."""
        found = self._by_id.get(token_id(token) or "")
        # Compared in a time that does not depend on how much is right, also for an id that is not there.
        same = hmac.compare_digest(found.digest if found else _NO_DIGEST, token_digest(token))
        if not found or not same:
            raise unauthenticated("the token is not known: ask the operator for another one")
        return _valid(found, now, "the token")

    def by_subject(self, subject: str, now: float) -> Caller:
        """Return who has a certificate for `subject` at `now`, seconds since 1970. Raises Unauthenticated."""
        found = self._by_subject.get(subject)
        if not found:
            raise unauthenticated("the certificate's subject is not known: ask the operator to enter it")
        return _valid(found, now, "the certificate's entry")


def _caller(entry: Entry, before: Caller | None) -> Caller:
    bucket = before.bucket if before else None
    if entry.rows_per_second is None:
        bucket = None
    elif bucket is None or bucket.rate != entry.rows_per_second:
        bucket = TokenBucket(entry.rows_per_second)
    return Caller(entry.name, entry.roles, bucket)


def _valid(found: _Credential, now: float, what: str) -> Caller:
    if now >= found.expires:
        raise unauthenticated(f"{what} has expired: ask the operator for another one")
    return found.caller


def unauthenticated(text: str) -> Unauthenticated:
    """The refusal of a caller who is not known, and why."""
    return Unauthenticated(Reason.UNAUTHENTICATED, text)


def require_method(caller: Caller, method: str) -> None:
    """Raise PermissionDenied unless the caller may call a method, by full name such as
    "/ridgeline.v1.PricingService/Predict". A method without an entry nobody may call."""
    require_role(caller, METHOD_ROLES.get(method, frozenset()), method.rpartition("/")[2])


def require_role(caller: Caller, roles: Collection[Role], what: str) -> None:
    """Raise PermissionDenied unless the caller has one of `roles`; `what` it takes them for."""
    if caller.roles.isdisjoint(roles):
        has, needed = ", ".join(sorted(caller.roles)), ", ".join(sorted(roles)) or "none that exists"
        text = f"caller {caller.name} has the role {has}, and {what} needs {needed}: ask the operator"
        raise PermissionDenied(Reason.PERMISSION_DENIED, text, {"caller": caller.name, "needed": needed})
