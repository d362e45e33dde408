"""From mappings and tables to the messages of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from google.protobuf.wrappers_pb2 import BytesValue

from ridgeline import missing
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import times, values
from ridgeline_client.errors import InvalidInput, Violation
from ridgeline_client.schema import Kind, Schema

Precision = Literal["float64", "float32"]


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


def record(
    features: Mapping[str, object], schema: Schema, record_id: str = "", event_time: datetime | None = None
) -> pb.Record:
    """Return one product as the contract has it: NaN and "" for missing.

    Raises:
        InvalidInput: naming every feature whose value cannot be sent.
    """
    message = pb.Record(record_id=record_id)
    numeric, categorical = message.numeric, message.categorical  # looking a map up costs more than filling it
    kinds, tokens = schema.kinds, schema.missing_tokens
    violations: list[Violation] = []
    for name, value in features.items():
        try:
            kind = kinds.get(name)
            if kind == "numeric":
                numeric[name] = missing.number(value, tokens)
            elif kind == "categorical":
                categorical[name] = missing.category(value, tokens)
            else:
                _set_unknown(message, name, value)
        except (ValueError, OverflowError) as error:
            violations.append(_violation(name, None, str(error)))
    if event_time is not None:
        try:
            message.event_time.CopyFrom(times.timestamp(event_time))
        except ValueError as error:
            violations.append(_field_violation("record.event_time", str(error)))
    if violations:
        raise InvalidInput.listing(violations)
    return message


def _set_unknown(message: pb.Record, name: object, value: object) -> None:
    if not isinstance(name, str):
        raise ValueError(f"a feature's name must be text, got {type(name).__name__} {name!r}")
    if isinstance(value, str):
        message.categorical[name] = value
    else:
        message.numeric[name] = _number_or_missing(value)


def _number_or_missing(value: object) -> float:
    """A value under a name the model does not know: the server names it, whatever it is."""
    try:
        return missing.number(value)
    except (ValueError, OverflowError):
        return missing.MISSING_NUMBER


def record_batch(
    columns: Columns, schema: Schema, keys: RowKeys = RowKeys(), dtype: Precision = "float64"
) -> pb.RecordBatch:
    """Return a table, a mapping of columns or a DataFrame, as the contract has it.

    Raises:
        InvalidInput: naming every column and row that cannot be sent.
    """
    table = _Table(schema, dtype)
    for name, column in columns.items():
        table.add(name, column)
    table.add_keys(keys)
    return table.message()


class _Table:
    """Columns on their way to a RecordBatch, and what is wrong with them."""

    def __init__(self, schema: Schema, dtype: Precision) -> None:
        self._schema = schema
        self._dtype = dtype
        self._numeric: dict[str, npt.NDArray[np.float64 | np.float32]] = {}
        self._batch = pb.RecordBatch()
        self._lengths: dict[str, int] = {}
        self._violations: list[Violation] = []

    def add(self, name: object, column: object) -> None:
        """Take one column; a bad one is remembered."""
        if not isinstance(name, str):
            text = f"a column's name must be text, got {type(name).__name__} {name!r}"
            self._violations.append(_violation(name, None, text, Reason.INVALID_FIELD))
            return
        if name in self._lengths:
            text = "the column is there twice; send each feature once"
            self._violations.append(_violation(name, None, text, Reason.DUPLICATE_FEATURE))
            return
        try:
            array = values.as_array(column)
        except ValueError as error:
            self._violations.append(_violation(name, None, str(error), Reason.WRONG_LENGTH))
            return
        self._lengths[name] = len(array)
        for row, message in self._problems(name, array):
            self._violations.append(_violation(name, row, message))

    def _problems(self, name: str, array: npt.NDArray[Any]) -> Iterator[tuple[int, str]]:
        kind = self._schema.kinds.get(name)
        try:
            self._convert(name, array, kind or _guess(array))
        except values.BadValues as error:
            if kind is not None:
                yield from error.problems
            else:
                self._convert(name, np.full(len(array), np.nan), "numeric")
        except UnicodeEncodeError as error:
            yield 0, f"a value is no valid Unicode text: {error.reason}"

    def _convert(self, name: str, array: npt.NDArray[Any], kind: Kind) -> None:
        if kind == "numeric":
            column = values.numbers(array, self._schema.missing_tokens)
            self._numeric[name] = values.single(column) if self._dtype == "float32" else column
            return
        dictionary, codes = values.coded_categories(array, self._schema.missing_tokens)
        self._batch.categorical.append(
            pb.CategoricalColumn(name=name, dictionary=dictionary, codes=codes.tolist())
        )

    def add_keys(self, keys: RowKeys) -> None:
        """Take the rows' names and times."""
        try:
            if keys.record_ids is not None:
                # As for categories: 7.0, an integer in a column with gaps, is called "7".
                self._batch.record_ids.extend(missing.categories(keys.record_ids))
                self._lengths["record_ids"] = len(self._batch.record_ids)
        except ValueError as error:
            self._violations.append(_field_violation("columns.record_ids", str(error)))
        try:
            if keys.event_times is not None:
                self._batch.event_times_us.extend(times.microseconds(keys.event_times))
                self._lengths["event_times"] = len(self._batch.event_times_us)
        except ValueError as error:
            self._violations.append(_field_violation("columns.event_times_us", str(error)))

    def message(self) -> pb.RecordBatch:
        """Return the finished batch. Raises InvalidInput with all that is wrong."""
        first, row_count = next(iter(self._lengths.items()), ("", 0))
        for name, length in self._lengths.items():
            if length != row_count:
                text = f"has {length:,} values, {first} has {row_count:,}: one value per row is expected"
                self._violations.append(_violation(name, None, text, Reason.WRONG_LENGTH))
        if self._violations:
            raise InvalidInput.listing(self._violations)
        self._batch.row_count = row_count
        if self._numeric:
            self._batch.numeric.CopyFrom(_numeric_columns(self._numeric, row_count, self._dtype))
        return self._batch


def _guess(array: npt.NDArray[Any]) -> Kind:
    return values.kind_by_type(array) if array.dtype.kind not in "iufb" else "numeric"


def _numeric_columns(
    columns: Mapping[str, npt.NDArray[np.float64 | np.float32]], row_count: int, dtype: Precision
) -> pb.NumericColumns:
    matrix = np.empty((row_count, len(columns)), dtype=np.dtype(dtype).newbyteorder("<"))
    for place, column in enumerate(columns.values()):
        matrix[:, place] = column
    # A packed field of floats and a field of bytes are the same on the wire: no Python object per value.
    packed = BytesValue(value=matrix.tobytes()).SerializeToString()
    if dtype == "float32":
        return pb.NumericColumns(names=list(columns), float_values=pb.FloatMatrix.FromString(packed))
    return pb.NumericColumns(names=list(columns), double_values=pb.DoubleMatrix.FromString(packed))


def _violation(name: object, row: int | None, message: str, reason: str = Reason.WRONG_KIND) -> Violation:
    return Violation(field="", feature=str(name), row=row, reason=reason, message=message)


def _field_violation(path: str, message: str) -> Violation:
    return Violation(field=path, feature="", row=None, reason=Reason.INVALID_FIELD, message=message)
