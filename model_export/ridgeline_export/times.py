"""The time column: dates, timestamps or numbers, as one sortable array."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ridgeline_export.problems import LISTED, rows_text

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True)
class Times:
    """Values float64[n]: seconds since 1970 (UTC; a time without a zone is taken as UTC) when `is_date`,
    else the numbers of the column. `texts` is what the table holds, for people."""

    values: npt.NDArray[np.float64]
    is_date: bool
    texts: npt.NDArray[np.object_]


def times_of(name: str, column: pa.ChunkedArray, first_row: int) -> tuple[Times | None, list[str]]:
    """Read a column of dates, timestamps (ISO 8601) or numbers; returns None and the problems otherwise."""
    try:
        distinct = column.unique().to_pylist()
    except pa.ArrowNotImplementedError:  # lists and other nested types
        return None, [f"column {name!r}: expected dates, timestamps or numbers, found {column.type}"]
    as_number = {value: _number(value) for value in distinct}
    is_date = any(number is None for value, number in as_number.items() if value not in (None, ""))
    parsed = {value: seconds(value) if is_date else as_number[value] for value in distinct}
    cells = column.to_pylist()
    wrong = [i for i, cell in enumerate(cells) if parsed[cell] is None]
    if wrong:
        found = ", ".join(dict.fromkeys(repr(cells[i]) for i in wrong[:LISTED]))
        rows = rows_text([i + first_row for i in wrong[:LISTED]], len(wrong))
        expected = "a date such as 2026-04-01 or a timestamp such as 2026-04-01T12:00:00"
        if not is_date:
            expected = "a number"
        return None, [f"column {name!r}: expected {expected}, found {found} {rows}; correct the cells"]
    values = np.array([parsed[cell] for cell in cells], dtype=np.float64)
    texts = np.array([_text(cell) for cell in cells], dtype=object)
    return Times(values, is_date, texts), []


def seconds(value: object) -> float | None:
    """Return a date or timestamp (also as ISO 8601 text) as seconds since 1970, None if it is neither."""
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, datetime.datetime):
        zoned = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
        return zoned.timestamp()
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.UTC).timestamp()
    return None


def _number(value: object) -> float | None:
    if not isinstance(value, str | int | float | Decimal) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime.date) else str(value)
