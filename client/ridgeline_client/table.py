"""From columns to the batch message of the contract, as bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from ridgeline import packed
from ridgeline.coded import CodedCategories
from ridgeline.packed import Part
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import text, times, values
from ridgeline_client.convert import bad_name, field_violation, violation
from ridgeline_client.errors import InvalidInput, Violation
from ridgeline_client.schema import Kind, Schema

Precision = Literal["float64", "float32"]

_FIELDS = pb.RecordBatch
_BLOCK_ROWS = 256


def check_precision(dtype: str) -> None:
    """Raise ValueError for what is no Precision."""
    if dtype not in ("float64", "float32"):
        raise ValueError(f"dtype must be 'float64' or 'float32', got {dtype!r}")


class Columns(Protocol):
    """A table: a mapping of columns, a pandas DataFrame, or whatever else lists its columns by name."""

    def items(self) -> Iterable[tuple[Any, Any]]:
        """Yield each column's name and values."""
        ...


@dataclass(frozen=True, slots=True)
class RowKeys:
    """What the caller calls the rows of a batch and when their prices apply; None: nothing is sent."""

    record_ids: Sequence[object] | None = None
    event_times: Sequence[datetime | None] | npt.NDArray[np.datetime64] | None = None


class Table:
    """Columns on their way to a RecordBatch. Their lengths are known before any value is looked at.

    Args:
        columns: a mapping of columns or a DataFrame.
        keys: the rows' names and times.

    Raises:
        TypeError: the columns are neither, or a key is a single value.
    """

    def __init__(self, columns: Columns, keys: RowKeys = RowKeys()) -> None:
        if not hasattr(columns, "items"):
            raise TypeError(
                f"columns must be a mapping of names to columns or a DataFrame, got {type(columns).__name__}"
            )
        self._keys = RowKeys(
            _one_per_row("record_ids", keys.record_ids), _one_per_row("event_times", keys.event_times)
        )
        self._columns: dict[str, Any] = {}
        self._violations: list[Violation] = []
        for name, column in columns.items():
            self._add(name, column)
        self._lengths = {name: len(column) for name, column in self._columns.items()}
        for key in ("record_ids", "event_times"):
            if (given := getattr(self._keys, key)) is not None:
                self._lengths[key] = len(given)

    def _add(self, name: object, column: object) -> None:
        """Take one column; a bad one is remembered."""
        if not isinstance(name, str) or not text.is_unicode(name):
            problem, reason = bad_name("column", name), Reason.INVALID_FIELD
        elif name in self._columns:
            problem, reason = "the column is there twice; send each feature once", Reason.DUPLICATE_FEATURE
        else:
            try:
                # A list has a length, and making an array of it touches every value.
                ready = isinstance(column, list | tuple | CodedCategories)
                self._columns[name] = column if ready else values.as_array(column)
            except ValueError as error:
                problem, reason = str(error), Reason.WRONG_LENGTH
            else:
                return
        self._violations.append(violation(name, None, problem, reason))

    @property
    def row_count(self) -> int:
        """Rows of the longest column."""
        return max(self._lengths.values(), default=0)

    def batch(self, schema: Schema, dtype: Precision = "float64") -> Batch:
        """Return the table as the contract has it.

        Raises:
            InvalidInput: naming every column and row that cannot be sent.
        """
        batch = Batch(schema, dtype)
        for name, column in self._columns.items():
            batch.add(name, column)
        batch.add_keys(self._keys)
        if violations := [*self._violations, *batch.violations, *self._unequal_lengths()]:
            raise InvalidInput.listing(violations)
        return batch

    def _unequal_lengths(self) -> Iterator[Violation]:
        first, row_count = next(iter(self._lengths.items()), ("", 0))
        for name, length in self._lengths.items():
            if length != row_count:
                problem = f"has {length:,} values, {first} has {row_count:,}: one value per row is expected"
                yield violation(name, None, problem, Reason.WRONG_LENGTH)


class Batch:
    """A RecordBatch in the making, and what is wrong with its values.

    Attributes:
        violations: of the values taken so far.
        numeric, categorical: the columns by name, in the order they are sent.
    """

    def __init__(self, schema: Schema, dtype: Precision) -> None:
        self.violations: list[Violation] = []
        self.numeric: dict[str, npt.NDArray[np.float64 | np.float32]] = {}
        self.categorical: dict[str, CodedCategories] = {}
        self._schema = schema
        self._dtype = dtype
        self._keys = pb.RecordBatch()

    def add(self, name: str, column: object) -> None:
        """Take one column; bad values are remembered."""
        kind = self._schema.kinds.get(name)
        if isinstance(column, CodedCategories):
            if kind != "numeric":
                self.categorical[name] = column
                return
            column = column.values()
        array = values.as_array(column)
        try:
            self._convert(name, array, kind or _guess(array))
        except values.BadValues as error:
            problems = [found for found in error.problems if kind or _is_no_text(array[found[0]])]
            self.violations += [violation(name, row, problem) for row, problem in problems]
            if not problems:  # the server names the feature it does not know, whatever its values are
                self._convert(name, np.full(len(array), np.nan), "numeric")

    def _convert(self, name: str, array: npt.NDArray[Any], kind: Kind) -> None:
        if kind == "numeric":
            column = values.numbers(array, self._schema.missing_tokens)
            self.numeric[name] = values.single(column) if self._dtype == "float32" else column
            return
        self.categorical[name] = values.coded_categories(array)

    def add_keys(self, keys: RowKeys) -> None:
        """Take the rows' names and times."""
        try:
            if keys.record_ids is not None:
                self._keys.record_ids.extend(values.record_ids(keys.record_ids))
        except ValueError as error:
            self.violations.append(field_violation("columns.record_ids", str(error)))
        try:
            if keys.event_times is not None:
                self._keys.event_times_us.extend(times.microseconds(keys.event_times))
        except ValueError as error:
            self.violations.append(field_violation("columns.event_times_us", str(error)))

    def parts(self, row_count: int) -> list[Part]:
        """Return the parts of the serialised RecordBatch."""
        self._keys.row_count = row_count
        parts: list[Part] = [self._keys.SerializeToString()]
        if self.numeric:
            matrix = _row_major(list(self.numeric.values()), row_count, self._dtype)
            parts += packed.message(_FIELDS.NUMERIC_FIELD_NUMBER, _numeric_parts(list(self.numeric), matrix))
        for name, column in self.categorical.items():
            head = pb.CategoricalColumn(name=name, dictionary=column.texts).SerializeToString()
            codes = packed.counts(pb.CategoricalColumn.CODES_FIELD_NUMBER, column.codes)
            parts += packed.message(_FIELDS.CATEGORICAL_FIELD_NUMBER, [head, *codes])
        return parts


def _one_per_row(name: str, keys: Any) -> Any:
    if keys is None or (hasattr(keys, "__len__") and not isinstance(keys, str)):
        return keys
    if isinstance(keys, str) or not isinstance(keys, Iterable):
        raise TypeError(f"{name} must hold one value per row, got a single {type(keys).__name__}")
    return list(keys)


def _is_no_text(value: object) -> bool:
    return isinstance(value, str) and not text.is_unicode(value)


def _guess(array: npt.NDArray[Any]) -> Kind:
    return values.kind_by_type(array) if array.dtype.kind not in "iufb" else "numeric"


def _row_major(
    columns: list[npt.NDArray[np.float64 | np.float32]], row_count: int, dtype: Precision
) -> npt.NDArray[Any]:
    """Columns [n] side by side, [n, len(columns)]."""
    matrix = np.empty((row_count, len(columns)), dtype=np.dtype(dtype).newbyteorder("<"))
    # A few hundred rows at a time stay in the processor's cache while every column goes in.
    for start in range(0, row_count, _BLOCK_ROWS):
        block = matrix[start : start + _BLOCK_ROWS]
        for place, column in enumerate(columns):
            block[:, place] = column[start : start + _BLOCK_ROWS]
    return matrix


def _numeric_parts(names: list[str], matrix: npt.NDArray[Any]) -> list[Part]:
    fields = pb.NumericColumns
    single = matrix.dtype.itemsize == np.dtype(np.float32).itemsize
    number = fields.FLOAT_VALUES_FIELD_NUMBER if single else fields.DOUBLE_VALUES_FIELD_NUMBER
    content = packed.reals(pb.DoubleMatrix.VALUES_FIELD_NUMBER, matrix)
    return [fields(names=names).SerializeToString(), *packed.message(number, content)]
