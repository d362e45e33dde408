"""Requests to the words of the price path."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ridgeline.artifact import Kind
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.domain import CategoricalColumn, Floats, PredictOptions, RecordBatch
from ridgeline_server.errors import InvalidInput, RowLimitExceeded, Violation
from ridgeline_server.rollout.catalog import Pin

Strays = dict[tuple[Kind, str], list[int]]

_STRAY_NAMES = 1_000  # more distinct unknown names than this are an attack or a wrong table


def pin(choice: pb.ModelChoice) -> Pin:
    """Read how the caller names a version."""
    match choice.WhichOneof("choice"):
        case "version":
            return Pin(version=choice.version)
        case "label":
            return Pin(label=choice.label)
        case "digest":
            return Pin(digest=choice.digest)
    return Pin()


def options(message: pb.PredictOptions) -> PredictOptions:
    """Read the options; raises InvalidInput for an enum value this server does not know."""
    if message.unknown_features not in pb.UnknownFeatures.values():
        text = f"options.unknown_features is {message.unknown_features}: expected one of UnknownFeatures"
        raise InvalidInput([Violation(Reason.INVALID_FIELD, text, "options.unknown_features")])
    ignore = message.unknown_features == pb.UNKNOWN_FEATURES_IGNORE_AND_REPORT
    return PredictOptions(ignore, message.schema_fingerprint)


def records(
    rows: Sequence[pb.Record], numeric: Mapping[str, int], categorical: Mapping[str, int]
) -> RecordBatch:
    """Turn records into columns of the features in `numeric` and `categorical`; other names are strays.

    Raises:
        InvalidInput: more than 1,000 distinct names are strays.
    """
    numbers = [dict(r.numeric) for r in rows]
    texts = [dict(r.categorical) for r in rows]
    strays: Strays = {}
    _collect_strays(strays, "numeric", numbers, numeric)
    _collect_strays(strays, "categorical", texts, categorical)
    matrix = np.array([[m.get(name, math.nan) for name in numeric] for m in numbers], dtype=np.float64)
    columns = [_column(name, [m.get(name, "") for m in texts]) for name in categorical]
    return RecordBatch(len(rows), list(numeric), matrix.reshape(len(rows), len(numeric)), columns, strays)


def _collect_strays(
    strays: Strays, kind: Kind, maps: Sequence[Mapping[str, object]], known: Mapping[str, int]
) -> None:
    for row, sent in enumerate(maps):
        for name in sent.keys() - known.keys():
            strays.setdefault((kind, name), []).append(row)
        if len(strays) > _STRAY_NAMES:
            raise _wrong_table(sum(len(m.keys() - known.keys()) for m in maps), kind)


def _wrong_table(count: int, field: str) -> InvalidInput:
    text = (
        f"at least {count} names are no features of this model, at most {_STRAY_NAMES} may be: "
        "is this the right table?"
    )
    return InvalidInput([Violation(Reason.UNKNOWN_FEATURE, text, field)], count=count)


def _column(name: str, values: Sequence[str]) -> CategoricalColumn:
    codes = {"": 0}
    coded = [codes.setdefault(value, len(codes)) for value in values]
    return CategoricalColumn(name, list(codes)[1:], np.array(coded, dtype=np.int32))


def columns(message: pb.RecordBatch, max_rows: int, feature_count: int) -> RecordBatch:
    """Read columns as sent.

    Raises:
        RowLimitExceeded: more than `max_rows` rows.
        InvalidInput: over 1,000 columns more than the model has features; rows without any column; lengths
            that do not fit the row count, all of them named.
    """
    n = message.row_count
    if n > max_rows:
        raise RowLimitExceeded("row_count", n, max_rows)
    if n < 0:
        text = f"row_count is {n}: expected 0 or more"
        raise InvalidInput([Violation(Reason.INVALID_FIELD, text, "row_count")])
    width = len(message.numeric.names) + len(message.categorical)
    if n and not width:
        text = f"row_count is {n} but there are no columns: send at least one feature of the model"
        raise InvalidInput([Violation(Reason.EMPTY_RECORD, text, "row_count")])
    if width > feature_count + _STRAY_NAMES:
        many_numbers = len(message.numeric.names) > len(message.categorical)
        raise _wrong_table(width - feature_count, "numeric.names" if many_numbers else "categorical")
    return _read_columns(message)


def _read_columns(message: pb.RecordBatch) -> RecordBatch:
    names = list(message.numeric.names)
    values, single = _values(message.numeric)
    categorical = [
        CategoricalColumn(c.name, c.dictionary, np.asarray(c.codes, dtype=np.int32))
        for c in message.categorical
    ]
    violations = _length_violations(message, len(values))
    if violations:
        raise InvalidInput(violations)
    shaped = values.reshape(message.row_count, len(names))
    return RecordBatch(message.row_count, names, shaped, categorical, single_precision=single)


def _values(message: pb.NumericColumns) -> tuple[Floats, bool]:
    single = message.WhichOneof("values") == "float_values"
    field = message.float_values.values if single else message.double_values.values
    return np.asarray(field, dtype=np.float64), single


def _length_violations(message: pb.RecordBatch, value_count: int) -> list[Violation]:
    n, width = message.row_count, len(message.numeric.names)
    violations = []
    if value_count != n * width:
        text = f"{value_count} numeric values: expected row_count x names = {n} x {width} = {n * width}"
        form = message.numeric.WhichOneof("values") or "double_values"
        violations.append(Violation(Reason.WRONG_LENGTH, text, f"numeric.{form}.values"))
    for at, column in enumerate(message.categorical):
        if len(column.codes) != n:
            text = f"{len(column.codes)} codes of {column.name[:200]!r}: expected row_count = {n}"
            path = f"categorical[{at}].codes"
            violations.append(Violation(Reason.WRONG_LENGTH, text, path, column.name))
    for name in ("record_ids", "event_times_us"):
        length = len(getattr(message, name))
        if length not in (0, n):
            text = f"{length} {name}: expected none or row_count = {n}"
            violations.append(Violation(Reason.WRONG_LENGTH, text, name))
    return violations
