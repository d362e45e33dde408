"""Records from the command line: key=value, JSON, or made up from a model's description."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from ridgeline_client.description import Feature, ModelDescription


class BadRecord(ValueError):
    """The arguments are no record; the message names everything that is wrong with them."""


def from_pairs(pairs: Sequence[str]) -> dict[str, object]:
    """Return the record that KEY=VALUE arguments spell; values stay text. Raises BadRecord."""
    record: dict[str, object] = {}
    problems: list[str] = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            problems.append(f"{pair!r} is not of the form FEATURE=VALUE, such as memory=16")
        elif name in record:
            problems.append(f"{name} is given twice")
        record[name] = value
    if problems:
        raise BadRecord("; ".join(problems))
    return record


def from_json(source: str, stdin: TextIO) -> dict[str, object]:
    """Return the record in JSON text, in a file, or on standard input ("-").

    Args:
        source: text that starts with a brace or a bracket is the JSON itself, anything else names a file.
        stdin: read when `source` is "-".

    Raises:
        BadRecord: the file cannot be read, or it does not hold one JSON object with each name once.
    """
    try:
        text = _json_text(source, stdin)
    except OSError as error:
        raise BadRecord(f"cannot read {source}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadRecord(f"{source} is not UTF-8 text") from None
    try:
        record = json.loads(text, object_pairs_hook=_unique, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise BadRecord(f"the record is not JSON: {error}") from None
    except RecursionError:
        raise BadRecord("the record must be one flat JSON object, this one is nested too deeply") from None
    if not isinstance(record, dict):
        raise BadRecord(f"the record must be one JSON object, got {type(record).__name__}")
    return record


def _json_text(source: str, stdin: TextIO) -> str:
    if source.lstrip().startswith(("{", "[")):
        return source
    return stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")


def _integer(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise BadRecord(f"no feature has a number of {len(digits):,} digits: {digits[:20]}...") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadRecord(f"given twice: {', '.join(twice)}")
    return dict(pairs)


def demo(description: ModelDescription) -> dict[str, object]:
    """Return a plausible record: midpoints of the training ranges and the most frequent categories.

    The optional numeric feature that moves prices least is left out, so that the answer shows a notice.
    """
    optional = [f for f in description.features if f.kind == "numeric" and not f.required]
    left_out = max(optional, key=lambda f: f.importance_rank).name if len(optional) > 1 else ""
    record = {f.name: _typical(f) for f in description.features if f.name != left_out}
    return {name: value for name, value in record.items() if value is not None}


def _typical(feature: Feature) -> float | str | None:
    if feature.kind == "categorical":
        return next((category.value for category in feature.categories if category.value), None)
    if feature.training_min is None or feature.training_max is None:
        return None
    return (feature.training_min + feature.training_max) / 2
