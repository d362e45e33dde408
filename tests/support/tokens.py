"""Credentials of callers, made anew each time."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ridgeline_server.access.entries import Entry
from ridgeline_server.access.roles import Role
from ridgeline_server.access.tokens import token_digest, token_text
from ridgeline_server.token_file import write_entries


def entry_of(name: str, *roles: Role, **fields: Any) -> Entry:
    """An entry; `fields` say whether for a token or for a subject."""
    given = {"id": secrets.token_hex(6), "created": datetime.now(UTC), **fields}
    return Entry(name=name, roles=frozenset(roles), **given)


def made_entry(name: str, *roles: Role, **fields: Any) -> tuple[Entry, str]:
    """An entry and its token."""
    token = token_text(secrets.token_hex(6), secrets.token_urlsafe(32))
    given = {"id": token.split("_")[1], "sha256": token_digest(token), **fields}
    return entry_of(name, *roles, **given), token


def secret_in(token: str) -> str:
    """The part of a token that nobody but its holder may ever see."""
    return token.split("_", 2)[2]


class Tokens:
    """A file of tokens that a test writes; `of` has each caller's token."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.of: dict[str, str] = {}
        self._entries: list[Entry] = []
        write_entries(path, [])

    def enter(self, name: str, *roles: Role, **fields: Any) -> str:
        """Enter a caller; returns its token."""
        entry, token = made_entry(name, *roles, **fields)
        self._entries.append(entry)
        self.of[name] = token
        write_entries(self.path, self._entries)
        return token

    def revoke(self, name: str) -> None:
        """Take a caller out again."""
        self._entries = [entry for entry in self._entries if entry.name != name]
        write_entries(self.path, self._entries)
