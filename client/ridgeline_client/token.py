"""The bearer token a client calls with. It is in no text that this package makes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

TOKEN_VARIABLE = "RIDGELINE_TOKEN"  # noqa: S105  # where the token is, not the token

Metadata = tuple[tuple[str, str | bytes], ...]

_VISIBLE = re.compile(r"[!-~]{1,4096}")


def checked_token(token: str, source: str = "token") -> str:
    """Return the token. Raises ValueError, which does not show it, for text that is none."""
    if not _VISIBLE.fullmatch(token):
        raise ValueError(f"{source} is no token: expected 1 to 4096 visible ASCII characters, without spaces")
    return token


def read_token(file: Path | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the token in a file, else that of the variable RIDGELINE_TOKEN, else None.

    Raises:
        ValueError: the file cannot be read, or what is there is no token.
    """
    if file is None:
        token = environment.get(TOKEN_VARIABLE, "").strip()
        return checked_token(token, TOKEN_VARIABLE) if token else None
    try:
        return checked_token(file.read_text(encoding="ascii").strip(), str(file))
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is no file with a token: it is not ASCII") from None


def call_metadata(token: str | None) -> Metadata:
    """Return what each call carries."""
    return () if token is None else (("authorization", f"Bearer {checked_token(token)}"),)
