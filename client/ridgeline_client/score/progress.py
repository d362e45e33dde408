"""The progress file: how far a job is, and what it must find unchanged to go on."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ridgeline_client.score.errors import JobRefused
from ridgeline_client.score.outputs import sync_directory
from ridgeline_client.score.summary import Counts

FORMAT_VERSION = 1
"""Of the progress file and of the output: raised when either would look different."""


@dataclass(frozen=True, slots=True)
class Input:
    """What is known about the input.

    Attributes:
        size: bytes of the whole file, as stored.
        consumed: bytes from its beginning that the rows so far were made of.
        sha256: of the consumed bytes, hexadecimal.
    """

    size: int
    consumed: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Stint:
    """Rows that one version priced.

    Attributes:
        first_row: index of its first row in the output, from 0.
    """

    model: str
    version: int
    digest: str
    first_row: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Attributes:
        options: what the output depends on beside input and model.
        rows: rows that are written.
        length: how far the output has grown, as `Output.commit` says.
        finished: every row is written.
    """

    job_id: str
    input: Input
    options: dict[str, Any]
    stints: tuple[Stint, ...]
    rows: int = 0
    length: int | None = None
    counts: Counts = field(default_factory=Counts)
    finished: bool = False

    def save(self, path: Path) -> None:
        """Replace the file at once: whoever reads it finds the old one or the new one, whole."""
        facts = {"format_version": FORMAT_VERSION, **dataclasses.asdict(self)}
        new = path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(facts, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_directory(path.parent)


def load(path: Path) -> Progress | None:
    """Return what is in a progress file, None when there is none.

    Raises:
        JobRefused: it is none of this version's.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise JobRefused(f"{path} is no progress file ({error}): begin anew with --restart") from None
    try:
        if facts.pop("format_version") != FORMAT_VERSION:
            raise KeyError
        return Progress(
            **{
                **facts,
                "input": Input(**facts["input"]),
                "stints": tuple(Stint(**stint) for stint in facts["stints"]),
                "counts": Counts.of(facts["counts"]),
            }
        )
    except (KeyError, TypeError, AttributeError):
        text = "was written by another version of this command: begin anew with --restart"
        raise JobRefused(f"{path} {text}") from None
