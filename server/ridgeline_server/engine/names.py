"""Which sent column is which feature of the model, and which is none."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ridgeline.artifact import Kind
from ridgeline.reasons import Reason
from ridgeline_server.domain import RecordBatch
from ridgeline_server.engine.faults import Fault, always
from ridgeline_server.engine.schema import Schema
from ridgeline_server.errors import InvalidInput, Violation

_SUGGESTIONS = 20  # looking for similar names is slow, so only the first unknown ones get a suggestion


@dataclass(frozen=True, slots=True)
class Names:
    """Columns of a batch matched to features.

    Attributes:
        numeric, categorical: positions in the batch and, beside them, in the model's tensor.
        faults: rows to blame for names that are wrong.
        ignored: unknown names that were ignored, with the rows that carried them (None: all rows).
    """

    numeric: tuple[Sequence[int], Sequence[int]]
    categorical: tuple[Sequence[int], Sequence[int]]
    faults: tuple[Fault, ...] = ()
    ignored: tuple[tuple[str, Sequence[int] | None], ...] = ()


@dataclass(frozen=True, slots=True)
class _Stray:
    """A name that is not a feature of the kind it was sent as: a column at a place in the batch, or a
    name that only some `rows` sent."""

    reason: Reason
    kind: Kind
    name: str
    at: int = 0
    rows: Sequence[int] | None = None


def align(schema: Schema, batch: RecordBatch, ignore_unknown: bool) -> Names:
    """Match the batch's columns to the schema's features.

    Raises:
        InvalidInput: names are wrong and no row can be blamed for them.
    """
    numeric, strays = _match(batch.numeric_names, schema.numeric_names, "numeric", schema)
    sent = [c.name for c in batch.categorical]
    categorical, more = _match(sent, schema.categorical_names, "categorical", schema)
    strays += more
    strays += [
        _Stray(_reason(schema, kind, name), kind, name, rows=rows)
        for (kind, name), rows in batch.strays.items()
    ]
    if not strays:
        return Names(numeric, categorical)
    ignored: list[tuple[str, Sequence[int] | None]] = []
    if ignore_unknown:
        unknown = [s for s in strays if s.reason is Reason.UNKNOWN_FEATURE]
        strays = [s for s in strays if s.reason is not Reason.UNKNOWN_FEATURE]
        ignored = _merged(unknown)
    return Names(numeric, categorical, tuple(_blame(schema, strays)), tuple(ignored))


def _merged(strays: list[_Stray]) -> list[tuple[str, Sequence[int] | None]]:
    """A name that was sent as a number and as a category is one ignored feature."""
    rows: dict[str, set[int] | None] = {}
    for stray in strays:
        so_far = rows.get(stray.name, set())
        rows[stray.name] = None if so_far is None or stray.rows is None else so_far | set(stray.rows)
    return [(name, None if sent is None else sorted(sent)) for name, sent in rows.items()]


def _reason(schema: Schema, kind: Kind, name: str) -> Reason:
    other = schema.categorical if kind == "numeric" else schema.numeric
    return Reason.WRONG_KIND if name in other else Reason.UNKNOWN_FEATURE


def _match(
    sent: Sequence[str], own: Sequence[str], kind: Kind, schema: Schema
) -> tuple[tuple[Sequence[int], Sequence[int]], list[_Stray]]:
    if sent == own:  # by far the most frequent case
        return (range(len(own)), range(len(own))), []
    positions = schema.numeric if kind == "numeric" else schema.categorical
    targets = [positions.get(name, -1) for name in sent]
    if -1 not in targets and len(set(targets)) == len(targets):
        return (list(range(len(sent))), targets), []
    sources: list[int] = []
    strays: list[_Stray] = []
    seen: set[str] = set()
    for at, name in enumerate(sent):
        if name in seen:
            strays.append(_Stray(Reason.DUPLICATE_FEATURE, kind, name, at))
        elif name in positions:
            sources.append(at)
        else:
            strays.append(_Stray(_reason(schema, kind, name), kind, name, at))
        seen.add(name)
    return (sources, [targets[at] for at in sources]), strays


def _blame(schema: Schema, strays: list[_Stray]) -> list[Fault]:
    messages = [_message(schema, s, i < _SUGGESTIONS) for i, s in enumerate(strays)]
    told = list(zip(strays, messages, strict=True))
    nobody = [Violation(s.reason, m, _column_path(s), s.name) for s, m in told if s.rows is None]
    if nobody:
        raise InvalidInput(nobody)
    return [Fault(s.reason, np.asarray(s.rows, dtype=np.int64), s.name, always(m), s.kind) for s, m in told]


def _column_path(stray: _Stray) -> str:
    if stray.kind == "numeric":
        return f"numeric.names[{stray.at}]"
    return f"categorical[{stray.at}].name"


def _message(schema: Schema, stray: _Stray, suggest: bool) -> str:
    name = stray.name
    if stray.reason is Reason.DUPLICATE_FEATURE:
        return f"{name!r} is there more than once: send each feature in one column"
    if stray.reason is Reason.WRONG_KIND:
        expected = "categorical" if stray.kind == "numeric" else "numeric"
        return f"{name!r} is a {expected} feature but was sent as {stray.kind}: send it as {expected}"
    known = [f.name for f in schema.features]
    similar = difflib.get_close_matches(name[:200], known, n=1) if suggest else []
    hint = f"did you mean {similar[0]!r}?" if similar else "DescribeModel lists them"
    return f"{name[:200]!r} is not a feature of this model: {hint}"
