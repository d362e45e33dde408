"""Requests to the words of the price path."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from ridgeline.artifact import Kind
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.domain import CategoricalColumn, Floats, PredictOptions, RecordBatch
from ridgeline_server.engine.schema import Schema
from ridgeline_server.errors import InvalidInput, RowLimitExceeded, Violation
from ridgeline_server.rollout.catalog import Pin

Strays = dict[tuple[Kind, str], list[int]]
_Value = TypeVar("_Value", float, str)

_ANY_VERSION = Pin()
NO_OPTIONS = PredictOptions()
"""What `options` returns for a caller who asks for nothing special."""
_ABSENT = math.nan  # this very object: a NaN that was sent is another one

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
    return _ANY_VERSION


def options(message: pb.PredictOptions) -> PredictOptions:
    """Read the options; raises InvalidInput for an enum value this server does not know."""
    unknown, fingerprint = message.unknown_features, message.schema_fingerprint
    if not unknown and not fingerprint:
        return NO_OPTIONS
    if unknown not in pb.UnknownFeatures.values():
        text = f"options.unknown_features is {unknown}: expected one of UnknownFeatures"
        raise InvalidInput([Violation(Reason.INVALID_FIELD, text, "options.unknown_features")])
    return PredictOptions(unknown == pb.UNKNOWN_FEATURES_IGNORE_AND_REPORT, fingerprint)


def records(rows: Sequence[pb.Record], schema: Schema) -> RecordBatch:
    """Turn records into columns of the schema's features; other names are strays.

    Raises:
        InvalidInput: more than 1,000 distinct names are strays.
    """
    strays: Strays = {}
    found = [_values(record, schema, row, strays) for row, record in enumerate(rows)]
    shape = (len(rows), len(schema.numeric))
    matrix = np.array([numbers for numbers, _ in found], dtype=np.float64).reshape(shape)
    texts = zip(*(texts for _, texts in found), strict=True)
    columns = [_column(name, column) for name, column in zip(schema.categorical, texts, strict=False)]
    return RecordBatch(len(rows), schema.numeric_names, matrix, columns, strays)


def plain_values(row: pb.Record, schema: Schema) -> tuple[list[float], list[str]] | None:
    """The numbers and texts of a record in the order of the schema's features, NaN and "" where there is
    none; None when it has other names too."""
    strays: Strays = {}
    found = _values(row, schema, 0, strays)
    return None if strays else found


def _values(row: pb.Record, schema: Schema, at: int, strays: Strays) -> tuple[list[float], list[str]]:
    numbers = _taken(row.numeric, schema.numeric, _ABSENT, "numeric", at, strays)
    return numbers, _taken(row.categorical, schema.categorical, "", "categorical", at, strays)


def _taken(
    sent: Mapping[str, _Value], known: Mapping[str, int], absent: _Value, kind: Kind, row: int, strays: Strays
) -> list[_Value]:
    """The values of the known names in their order; other names are noted as strays of the row."""
    if len(sent) > len(known) + _STRAY_NAMES:  # before millions of them are listed
        raise _wrong_table(len(sent) - len(known), "")
    # protobuf's own `get` takes twice as long
    values = [sent[name] if name in sent else absent for name in known]  # noqa: SIM401  # see above
    if len(sent) > len(values) - values.count(absent):  # at least one name is none of these, or ""
        for name in sent.keys() - known.keys():
            strays.setdefault((kind, name), []).append(row)
        if len(strays) > _STRAY_NAMES:
            raise _wrong_table(len(strays), "")
    return values


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


def require_row_count(n: int, max_rows: int) -> None:
    """Raises RowLimitExceeded for more than `max_rows` rows, InvalidInput for less than none."""
    if n > max_rows:
        raise RowLimitExceeded("row_count", n, max_rows)
    if n < 0:
        text = f"row_count is {n}: expected 0 or more"
        raise InvalidInput([Violation(Reason.INVALID_FIELD, text, "row_count")])


def columns(message: pb.RecordBatch, feature_count: int) -> RecordBatch:
    """Read columns as sent, with a row count that `require_row_count` has passed.

    Raises:
        InvalidInput: over 1,000 columns more than the model has features; rows without any column; lengths
            that do not fit the row count, all of them named.
    """
    n = message.row_count
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
    values, single = _matrix(message.numeric)
    categorical = [
        CategoricalColumn(c.name, c.dictionary, np.asarray(c.codes, dtype=np.int32))
        for c in message.categorical
    ]
    violations = _length_violations(message, len(values))
    if violations:
        raise InvalidInput(violations)
    shaped = values.reshape(message.row_count, len(names))
    return RecordBatch(message.row_count, names, shaped, categorical, single_precision=single)


def _matrix(message: pb.NumericColumns) -> tuple[Floats, bool]:
    if message.WhichOneof("values") != "float_values":
        return np.asarray(message.double_values.values, dtype=np.float64), False
    with np.errstate(invalid="ignore"):  # a signalling NaN is missing as any other, and nothing to warn of
        return np.asarray(message.float_values.values, dtype=np.float64), True


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
