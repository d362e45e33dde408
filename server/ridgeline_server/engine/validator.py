"""The gate on the way in: names, kinds, finite values, valid ranges, all rows in one pass.

Every problem is found, not only the first. A problem that a row can be blamed for refuses that row alone;
any other refuses the request. What is valid but noteworthy (missing, unseen, outside training) is marked.
"""

from __future__ import annotations

import numpy as np

from ridgeline.artifact import Feature
from ridgeline.reasons import Reason
from ridgeline_server.domain import (
    Bools,
    Categories,
    CellNotices,
    CheckedBatch,
    Floats,
    Places,
    PredictOptions,
    RecordBatch,
)
from ridgeline_server.engine import categories as categorical
from ridgeline_server.engine.faults import Fault, always, listed
from ridgeline_server.engine.names import Names, align
from ridgeline_server.engine.schema import Bounds, Schema
from ridgeline_server.errors import PreconditionFailed

_EMPTY = "every feature is missing: send at least one feature of the model (DescribeModel lists them)"
_NOWHERE = np.empty(0, dtype=np.intp)


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
        schema = self._schema
        names = align(schema, batch, options.ignore_unknown_features)
        numeric = _numeric_columns(schema, batch, names)
        categories, faults = categorical.read(schema, batch, names)
        bounds = schema.bounds32 if batch.single_precision else schema.bounds
        odd = bounds.odd(numeric)
        values = numeric.reshape(-1)[odd]
        gap = np.isnan(values)
        outside, values = odd[~gap], values[~gap]
        faults = [*names.faults, *faults]
        if len(outside):
            faults += _range_faults(schema, outside, values, bounds)
        cells = _cells(schema, odd[gap], outside, categories)
        missing_count = np.bincount(cells.imputed // len(schema.features), minlength=batch.row_count)
        if len(cells.imputed):
            faults += _absence_faults(schema, cells.imputed, missing_count, faults)
        return _marked(numeric, categories, cells, missing_count, names, faults)

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
    numeric: Floats,
    categories: Categories,
    cells: CellNotices,
    missing_count: Places,
    names: Names,
    faults: list[Fault],
) -> CheckedBatch:
    if not faults:
        return CheckedBatch(numeric, categories, cells, missing_count, ignored=names.ignored)
    refused = _blamed(len(numeric), faults)
    width = len(categories.entries) + numeric.shape[1]
    kept = CellNotices(*(places[~refused[places // width]] for _, places in cells.items()))
    missing_count[refused] = 0
    counts = tuple((f.reason, f.feature, len(f.rows)) for f in faults)
    return CheckedBatch(
        numeric, categories, kept, missing_count, refused, listed(faults), counts, names.ignored
    )


def _blamed(rows: int, faults: list[Fault]) -> Bools:
    blamed = np.zeros(rows, dtype=bool)
    for fault in faults:
        blamed[fault.rows] = True
    return blamed


def _cells(schema: Schema, gaps: Places, outside: Places, categories: Categories) -> CellNotices:
    """Move places in the numeric tensor, and levels that are missing or unseen, to places in [n, f]."""
    k, m = len(schema.numeric), len(schema.levels)
    if m:
        gaps, outside = (p + p // k * m if len(p) else p for p in (gaps, outside))
    imputed = _of_categories(categories.levels == 0, k)
    unknown = _of_categories(categories.levels == schema.unseen, k)
    return CellNotices(np.concatenate((gaps, imputed)) if len(imputed) else gaps, unknown, outside)


def _of_categories(found: Bools, k: int) -> Places:
    """Places in [n, k + m] of categorical cells bool [m, n]."""
    if not np.count_nonzero(found):
        return _NOWHERE
    features, rows = np.nonzero(found)
    return rows * (k + len(found)) + k + features


def _numeric_columns(schema: Schema, batch: RecordBatch, names: Names) -> Floats:
    sources, targets = names.numeric
    if batch.numeric_names == schema.numeric_names:
        aligned = np.ascontiguousarray(batch.numeric)
    else:
        aligned = np.full((batch.row_count, len(schema.numeric)), np.nan)
        aligned[:, targets] = batch.numeric[:, sources]
    if schema.missing_numbers.size:
        gaps = schema.missing_numbers
        gaps = gaps.astype(np.float32).astype(np.float64) if batch.single_precision else gaps
        aligned = np.where(np.isin(aligned, gaps), np.nan, aligned)
    return aligned


def _range_faults(schema: Schema, outside: Places, values: Floats, bounds: Bounds) -> list[Fault]:
    rows, columns = np.divmod(outside, len(schema.numeric))
    infinite = np.isinf(values)
    invalid = (values < bounds.valid_min[columns]) | (values > bounds.valid_max[columns])
    faults = []
    for reason, wrong in ((Reason.NOT_FINITE, infinite), (Reason.OUT_OF_VALID_RANGE, invalid & ~infinite)):
        if wrong.any():
            for column in np.unique(columns[wrong]).tolist():
                cells = wrong & (columns == column)
                faults.append(_cell_fault(schema.features[column], reason, rows[cells], values[cells]))
    return faults


def _cell_fault(feature: Feature, reason: Reason, rows: Places, values: Floats) -> Fault:
    def message(at: int) -> str:
        received = float(values[at])
        return f"{feature.name!r} is {received!r}: expected {_expected(feature)}, or NaN for missing"

    return Fault(reason, rows, feature.name, message, "numeric")


def _expected(feature: Feature) -> str:
    ends = []
    if feature.valid_min is not None:
        ends.append(f"from {feature.valid_min:.15g}")
    if feature.valid_max is not None:
        ends.append(f"to {feature.valid_max:.15g}")
    return " ".join(["a finite number", *ends, feature.unit if ends else ""]).rstrip()


def _absence_faults(
    schema: Schema, imputed: Places, missing_count: Places, faults: list[Fault]
) -> list[Fault]:
    """Find empty rows and missing required features; what was sent but refused does not count as missing."""
    found: list[Fault] = []
    empty = missing_count == len(schema.features)
    if np.count_nonzero(empty):
        empty &= ~_blamed(len(empty), faults)
        if np.count_nonzero(empty):
            found.append(Fault(Reason.EMPTY_RECORD, np.flatnonzero(empty), "", always(_EMPTY)))
    if np.count_nonzero(schema.required):
        rows, columns = np.divmod(np.sort(imputed), len(schema.features))
        for column in np.flatnonzero(schema.required).tolist():
            lacking = rows[(columns == column) & ~empty[rows]]
            for fault in faults:
                if fault.reason is Reason.WRONG_KIND and fault.feature == schema.features[column].name:
                    lacking = np.setdiff1d(lacking, fault.rows)
            if len(lacking):
                found.append(_required_fault(schema.features[column], lacking))
    return found


def _required_fault(feature: Feature, rows: Places) -> Fault:
    text = f"{feature.name!r} is missing: it is required, send a value"
    return Fault(Reason.REQUIRED_FEATURE_MISSING, rows, feature.name, always(text), feature.kind)
