"""What is wrong with a table by its schema: columns, cells and rows, each with where and what to do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ridgeline.missing import is_missing_value
from ridgeline.tables import Table
from ridgeline_export.problems import rows_text
from ridgeline_export.schema import LARGEST, FeatureSection, Schema

LISTED_COLUMNS = 10


def table_problems(table: Table, schema: Schema) -> list[str]:
    """Return a sentence for each problem."""
    problems = [*_columns(table), *_cells(table), *_target(table, schema), *_required(table, schema)]
    problems += _identifiers(table, schema)
    for feature in schema.numeric:
        problems += _range(table, feature)
    return problems


def _columns(table: Table) -> Iterator[str]:
    if table.row_count == 0:
        yield "has no rows; at least a header and some rows of data are needed"
    lost = table.missing_columns
    for name in lost[:LISTED_COLUMNS]:
        yield f"column {name!r} is missing; add it, or correct its name in the schema"
    if rest := len(lost) - len(lost[:LISTED_COLUMNS]):
        yield f"{rest} more columns are missing; is this the table that the schema was written for?"
    for name in table.duplicate_columns:
        yield f"column {name!r} is there more than once; rename or remove the others"


def _cells(table: Table) -> Iterator[str]:
    for bad in table.bad_cells:
        found = ", ".join(repr(text) for text in dict.fromkeys(bad.found))
        rows = rows_text(bad.rows.tolist(), bad.count)
        yield (
            f"column {bad.column!r}: expected {bad.expected}, found {found} {rows}; "
            "correct the cells, leave them empty, or list the text in missing_tokens"
        )
    for name, values in table.numeric.items():
        if (where := np.flatnonzero(np.abs(values) > LARGEST)).size:
            yield (
                f"column {name!r}: infinite or beyond {LARGEST:g} {_at(where, table)}; "
                "correct the cells or leave them empty"
            )


def _target(table: Table, schema: Schema) -> Iterator[str]:
    name = schema.model.target
    if (where := _missing(table, name)).size:
        yield f"column {name!r}: the target is missing {_at(where, table)}; fill it or remove the rows"


def _required(table: Table, schema: Schema) -> Iterator[str]:
    for feature in schema.features:
        if feature.required and (where := _missing(table, feature.name)).size:
            yield (
                f"column {feature.name!r}: required, yet missing {_at(where, table)}; a server refuses such "
                "rows: fill the cells, remove the rows, or remove required from the schema"
            )


def _identifiers(table: Table, schema: Schema) -> Iterator[str]:
    name = schema.model.id
    if name is None or name not in table.other:
        return
    seen: set[str] = set()
    again = []
    for position, cell in enumerate(table.other[name].to_pylist()):
        identifier = "" if is_missing_value(cell) else str(cell)
        if identifier in seen:
            again.append(position)
        elif identifier:
            seen.add(identifier)
    if again:
        yield (
            f"column {name!r}: the id of an earlier row is there again {_at(np.array(again), table)}; "
            "remove the repeated rows, or remove id from the schema if it does not name rows"
        )


def _missing(table: Table, name: str) -> npt.NDArray[np.int64]:
    """Return the positions of a column's missing cells; cells that do not fit are not among them."""
    if name in table.numeric:
        missing = np.isnan(table.numeric[name])
    elif name in table.categorical:
        missing = table.categorical[name].codes == 0
    else:
        return np.empty(0, dtype=np.int64)
    for bad in table.bad_cells:
        if bad.column == name:
            missing[bad.rows - table.first_row] = False
    return np.flatnonzero(missing).astype(np.int64)


def _range(table: Table, feature: FeatureSection) -> Iterator[str]:
    values = table.numeric.get(feature.name)
    if values is None:
        return
    low = -np.inf if feature.valid_min is None else feature.valid_min
    high = np.inf if feature.valid_max is None else feature.valid_max
    where = np.flatnonzero(((values < low) | (values > high)) & np.isfinite(values))
    if where.size:
        bounds = (
            f"{'-' if feature.valid_min is None else low} to {'-' if feature.valid_max is None else high}"
        )
        yield (
            f"column {feature.name!r}: outside the valid range {bounds} {_at(where, table)}, "
            f"such as {values[where[0]]}; correct or empty the cells, or widen the range in the schema"
        )


def _at(where: npt.NDArray[np.int64], table: Table) -> str:
    return rows_text([int(i) + table.first_row for i in where[:10]], int(where.size))
