"""The gate on the way in: names, kinds, finite values, valid ranges, all rows in one pass.

Every problem is found, not only the first. A problem that a row can be blamed for refuses that row alone;
any other refuses the request. What is valid but noteworthy (missing, unseen, outside training) is marked.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ridgeline import missing
from ridgeline.artifact import Feature
from ridgeline.reasons import Reason
from ridgeline_server.domain import (
    Bools,
    CategoricalColumn,
    CellNotices,
    CheckedBatch,
    Floats,
    Ints,
    PredictOptions,
    RecordBatch,
    Strings,
)
from ridgeline_server.engine.faults import Fault, Places, always, listed
from ridgeline_server.engine.names import Names, align
from ridgeline_server.engine.schema import Bounds, Schema
from ridgeline_server.errors import PreconditionFailed

_EMPTY = "every feature is missing: send at least one feature of the model (DescribeModel lists them)"
_SHORT_DICTIONARY = 1_000
_WRONG = "\0"  # stands in for a category whose code is wrong: its row is refused, it is not missing


class Validator:
    """Checks batches against one version's schema. Holds no state between calls."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def check(self, batch: RecordBatch, options: PredictOptions) -> CheckedBatch:
        """Put the rows into the model's order and find everything that is wrong with them.

        Raises:
            PreconditionFailed: the caller's schema fingerprint is not this version's.
            InvalidInput: something is wrong that no row can be blamed for.
        """
        self._check_fingerprint(options)
        names = align(self._schema, batch, options.ignore_unknown_features)
        numeric = _numeric_columns(self._schema, batch, names)
        categorical, unknown, faults = _categorical_columns(self._schema, batch, names)
        absent = np.concatenate((np.isnan(numeric), categorical == ""), axis=1)
        bounds = self._schema.bounds32 if batch.single_precision else self._schema.bounds
        outside = (numeric < bounds.training_min) | (numeric > bounds.training_max)
        faults = [*names.faults, *faults]
        if outside.any():
            faults += _range_faults(self._schema, numeric, outside, bounds)
        faults += _absence_faults(self._schema, absent, faults)
        return self._marked(numeric, categorical, _cells(absent, unknown, outside), names, faults)

    def _check_fingerprint(self, options: PredictOptions) -> None:
        pinned, served = options.schema_fingerprint, self._schema.fingerprint
        if pinned and pinned != served:
            raise PreconditionFailed(
                Reason.SCHEMA_MISMATCH,
                f"options.schema_fingerprint is {pinned!r}, the served version's is {served!r}: "
                "read DescribeModel again and adapt, or pin a version that has your schema",
                {"served_schema_fingerprint": served},
            )

    def _marked(
        self,
        numeric: Floats,
        categorical: Strings,
        cells: CellNotices,
        names: Names,
        faults: list[Fault],
    ) -> CheckedBatch:
        refused = np.zeros(len(numeric), dtype=bool)
        for fault in faults:
            refused[fault.rows] = True
        if faults:
            for cell in (cells.imputed, cells.unknown, cells.outside):
                cell[refused] = False
        counts = tuple((f.reason, f.feature, len(f.rows)) for f in faults)
        return CheckedBatch(numeric, categorical, cells, refused, listed(faults), counts, names.ignored)


def _cells(absent: Bools, unknown: Bools, outside: Bools) -> CellNotices:
    numeric = outside.shape[1]
    all_unknown = np.zeros_like(absent)
    all_unknown[:, numeric:] = unknown
    all_outside = np.zeros_like(absent)
    all_outside[:, :numeric] = outside
    return CellNotices(imputed=absent, unknown=all_unknown, outside=all_outside)


def _numeric_columns(schema: Schema, batch: RecordBatch, names: Names) -> Floats:
    sources, targets = names.numeric
    if len(targets) == len(schema.numeric) and sources == targets == list(range(len(targets))):
        aligned = np.ascontiguousarray(batch.numeric[:, : len(targets)])
    else:
        aligned = np.full((batch.row_count, len(schema.numeric)), np.nan)
        aligned[:, targets] = batch.numeric[:, sources]
    if schema.missing_numbers.size:
        gaps = schema.missing_numbers
        gaps = gaps.astype(np.float32).astype(np.float64) if batch.single_precision else gaps
        aligned = np.where(np.isin(aligned, gaps), np.nan, aligned)
    return aligned


def _categorical_columns(
    schema: Schema, batch: RecordBatch, names: Names
) -> tuple[Strings, Bools, list[Fault]]:
    shape = (batch.row_count, len(schema.categorical))
    values = np.full(shape, "", dtype=object)
    unknown = np.zeros(shape, dtype=bool)
    faults: list[Fault] = []
    for source, target in zip(*names.categorical, strict=True):
        column = batch.categorical[source]
        codes = column.codes
        beyond = (codes < 0) | (codes > len(column.dictionary))
        if beyond.any():
            faults.append(_code_fault(column.name, codes, len(column.dictionary), beyond))
            codes = np.where(beyond, 0, codes)
        entries = _entries(column, codes, schema.missing_tokens)
        known = schema.known[target]
        values[:, target] = np.array(entries, dtype=object)[codes]
        unknown[:, target] = np.array([e != "" and e not in known for e in entries])[codes]
        values[beyond, target] = _WRONG
        unknown[:, target] = np.array([e != "" and e not in known for e in entries])[codes]
    return values, unknown, faults


def _entries(column: CategoricalColumn, codes: Ints, tokens: Collection[str]) -> list[str]:
    """The dictionary by the missing rule, with the missing category at 0; of a long one only what is used."""
    dictionary = column.dictionary
    if len(dictionary) <= _SHORT_DICTIONARY:
        return ["", *(missing.category(entry, tokens) for entry in dictionary)]
    entries = [""] * (len(dictionary) + 1)
    for code in np.unique(codes[codes > 0]).tolist():
        entries[code] = missing.category(dictionary[code - 1], tokens)
    return entries


def _code_fault(name: str, codes: Ints, size: int, beyond: Bools) -> Fault:
    rows = np.flatnonzero(beyond)

    def message(at: int) -> str:
        return f"code {codes[rows[at]]} of {name!r} is not in its dictionary: expected 0 (missing) to {size}"

    return Fault(Reason.CODE_OUT_OF_DICTIONARY, rows, name, message, "categorical")


def _range_faults(schema: Schema, numeric: Floats, outside: Bools, bounds: Bounds) -> list[Fault]:
    infinite = np.isinf(numeric)
    invalid = outside & ~infinite & ((numeric < bounds.valid_min) | (numeric > bounds.valid_max))
    return [
        _cell_fault(schema.features[column], reason, np.flatnonzero(mask[:, column]), numeric[:, column])
        for reason, mask in ((Reason.NOT_FINITE, infinite), (Reason.OUT_OF_VALID_RANGE, invalid))
        for column in np.flatnonzero(mask.any(axis=0))
    ]


def _cell_fault(feature: Feature, reason: Reason, rows: Places, column: Floats) -> Fault:
    def message(at: int) -> str:
        received = float(column[rows[at]])
        return f"{feature.name!r} is {received!r}: expected {_expected(feature)}, or NaN for missing"

    return Fault(reason, rows, feature.name, message, "numeric")


def _expected(feature: Feature) -> str:
    ends = []
    if feature.valid_min is not None:
        ends.append(f"from {feature.valid_min:.15g}")
    if feature.valid_max is not None:
        ends.append(f"to {feature.valid_max:.15g}")
    return " ".join(["a finite number", *ends, feature.unit if ends else ""]).rstrip()


def _absence_faults(schema: Schema, absent: Bools, faults: list[Fault]) -> list[Fault]:
    """Find empty rows and missing required features; what was sent but refused does not count as missing."""
    found: list[Fault] = []
    blamed = np.zeros(len(absent), dtype=bool)
    for fault in faults:
        blamed[fault.rows] = True
    empty = absent.all(axis=1) & ~blamed
    if empty.any():
        found.append(Fault(Reason.EMPTY_RECORD, np.flatnonzero(empty), "", always(_EMPTY)))
    if schema.required.any():
        lacking = absent & schema.required & ~empty[:, np.newaxis]
        for fault in (f for f in faults if f.reason is Reason.WRONG_KIND):
            lacking[fault.rows, schema.position(fault.feature)] = False
        found += _required_faults(schema, lacking)
    return found


def _required_faults(schema: Schema, absent: Bools) -> list[Fault]:
    found = []
    for column in np.flatnonzero(absent.any(axis=0)):
        feature = schema.features[column]
        text = f"{feature.name!r} is missing: it is required, send a value"
        rows = np.flatnonzero(absent[:, column])
        found.append(Fault(Reason.REQUIRED_FEATURE_MISSING, rows, feature.name, always(text), feature.kind))
    return found
