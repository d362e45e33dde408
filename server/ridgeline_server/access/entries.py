"""The content of a file of tokens: JSON, an entry for each token or certificate subject.

What is wrong with a file is told without its values: somebody may have put a token where its hash belongs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ridgeline_server.access.roles import Role


class TokensError(Exception):
    """The content cannot be used. `problems` has one sentence for each thing that is wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class Entry(BaseModel):
    """One credential of a caller. A caller may have several, to change one without a gap.

    Attributes:
        id: names the entry; the public part of its token.
        name: the caller's.
        roles: what the caller may do.
        sha256: of the token; None for a subject.
        subject: common name of a client certificate; None for a token.
        rows_per_second: rows the caller may have priced, over all its credentials; None: any number.
        created: when the entry was made.
        expires: from when on it is refused; None: never.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
    name: Annotated[str, Field(pattern="^[A-Za-z0-9._-]{1,64}$")]
    roles: Annotated[frozenset[Role], Field(min_length=1)]
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$", repr=False)
    subject: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    rows_per_second: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    created: AwareDatetime
    expires: AwareDatetime | None = None

    @model_validator(mode="after")
    def _check_credential(self) -> Self:
        if (self.sha256 is None) == (self.subject is None):
            raise ValueError("expected either sha256 or subject")
        return self


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: Literal[1]
    entries: tuple[Entry, ...]


def parse_entries(text: str) -> tuple[Entry, ...]:
    """Read a file's content. Raises TokensError with every problem at once."""
    try:
        entries = _Content.model_validate_json(text).entries
    except ValidationError as error:
        raise TokensError(_problem(e) for e in error.errors(include_input=False, include_url=False)) from None
    if problems := _contradictions(entries):
        raise TokensError(problems)
    return entries


def format_entries(entries: Sequence[Entry]) -> str:
    """Write a file's content. Raises TokensError when entries contradict each other."""
    if problems := _contradictions(entries):
        raise TokensError(problems)
    told = [entry.model_dump(mode="json", exclude_none=True) for entry in entries]
    for entry in told:
        entry["roles"] = sorted(entry["roles"])
    return json.dumps({"format_version": 1, "entries": told}, indent=2) + "\n"


def _problem(error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    return f"{place}: {error['msg']}" if place else str(error["msg"])


def _contradictions(entries: Sequence[Entry]) -> list[str]:
    problems = []
    first: dict[str, Entry] = {}
    ids, subjects = set[str](), set[str]()
    for entry in entries:
        same = first.setdefault(entry.name, entry)
        if (entry.roles, entry.rows_per_second) != (same.roles, same.rows_per_second):
            problems.append(
                f"entries {same.id} and {entry.id} of {entry.name} differ in roles or rows_per_second: "
                "all credentials of a caller must have the same"
            )
        if entry.id in ids:
            problems.append(f"id {entry.id} is there twice")
        if entry.subject in subjects:
            problems.append(f"entry {entry.id}: its subject is there twice")
        ids.add(entry.id)
        subjects |= {entry.subject} if entry.subject else set()
    return problems
