"""The text of a bearer token: `ridgeline_`, a public id, `_`, 256 random bits.

The id finds the entry, so that one secret is compared and not all. It may be shown; the rest never.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_TOKEN = re.compile(r"ridgeline_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_SCHEME = "bearer "
_HEADER = "authorization"


def token_text(token_id: str, secret: str) -> str:
    """Put a token together from an id (12 hexadecimal digits) and a secret (43 URL-safe characters)."""
    return f"ridgeline_{token_id}_{secret}"


def token_id(token: str) -> str | None:
    """The id in a token; None when the text is no token."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else None


def token_digest(token: str) -> str:
    """SHA-256 of a token, 64 hexadecimal digits: enough for 256 random bits, which nobody can guess at."""
    return hashlib.sha256(token.encode()).hexdigest()


def bearer_tokens(metadata: Iterable[tuple[str, str | bytes]]) -> list[str]:
    """What a call's metadata has for `authorization`; "" for a value that is no bearer token."""
    return [_bearer(value) for key, value in metadata if key == _HEADER]


def _bearer(value: str | bytes) -> str:
    if isinstance(value, bytes) or value[: len(_SCHEME)].lower() != _SCHEME:
        return ""
    return value[len(_SCHEME) :].strip()
