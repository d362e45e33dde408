"""Values of a column or a record as the contract wants them; what is missing is `ridgeline.missing`'s to say.

Numbers become float64 with NaN for missing. Categories become a dictionary of texts and int32 codes, 0 for
missing; texts are sent to the letter, and the server says which of them are missing tokens. Conversions
collect what is wrong as (row, message) and raise it all at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ridgeline import missing
from ridgeline.coded import CodedCategories
from ridgeline_client import text
from ridgeline_client.schema import Kind

T = TypeVar("T")

FLOAT32_MAX = float(np.finfo(np.float32).max)

# Python compares 1, 1.0 and True equal but writes them differently: only these types may share a dict.
_TYPES_APART = {str, float, type(None)}
_PLAIN_NUMBERS = {int, float, type(None)}
_NO_VALUES = "Mmc"  # datetime64, timedelta64, complex


class BadValues(ValueError):
    """Some values of a column cannot be sent.

    Attributes:
        problems: (row, message) of each.
    """

    def __init__(self, problems: list[tuple[int, str]]) -> None:
        super().__init__(problems[0][1])
        self.problems = problems


def as_array(column: object) -> npt.NDArray[Any]:
    """Return a column as an array, shape [rows], without guessing: values that have no dtype stay objects.

    Raises:
        ValueError: the column is a single value, or has not one value per row.
    """
    if isinstance(column, str | bytes | Mapping) or not isinstance(column, Iterable):
        raise ValueError(f"expected one value per row, got a single {type(column).__name__}")
    if hasattr(column, "dtype"):
        array = _array_of_typed(column)
    else:
        # NumPy would turn ["a", NaN] into the texts "a" and "nan".
        values = list(column)
        array = np.fromiter(values, dtype=object, count=len(values))
    if array.ndim != 1:
        raise ValueError(f"expected one value per row, got an array of shape {array.shape}")
    return array


def _array_of_typed(column: object) -> npt.NDArray[Any]:
    if isinstance(column, np.ma.MaskedArray):
        objects = np.array(column.data, dtype=object)
        objects[np.ma.getmaskarray(column)] = None
        return objects
    return np.asarray(column)


def number(value: object, tokens: Collection[str] = ()) -> float:
    """Return one number, NaN when it is missing or a text that is one of the tokens. Raises ValueError."""
    return missing.number(value, tokens if isinstance(value, str) else ())


def category(value: object) -> str:
    """Return one category, text to the letter. Raises ValueError, also for text that cannot be sent."""
    if not isinstance(value, str):
        return missing.category(value)
    if not text.is_unicode(value):
        raise ValueError(f"{value!r} is no valid Unicode text")
    return str(value)


def numbers(array: npt.NDArray[Any], tokens: Collection[str] = ()) -> npt.NDArray[np.float64]:
    """Return a column of numbers, NaN where missing or one of the tokens; shape [rows]. Raises BadValues."""
    if array.dtype.kind in "iufb":
        return array.astype(np.float64, copy=False)
    _refuse_other_dtypes(array, "numbers")
    if array.dtype.kind == "O" and set(map(type, array)) <= _PLAIN_NUMBERS:
        try:
            return array.astype(np.float64)
        except OverflowError:  # an integer beyond any float: found again below, with its row
            pass
    return np.array(_each(array, lambda value: number(value, tokens)), dtype=np.float64)


def coded_categories(array: npt.NDArray[Any]) -> CodedCategories:
    """Return a column of categories; the texts are in order of first appearance, sorted for numbers.

    Raises:
        BadValues: a value is neither valid Unicode text nor a number nor missing.
    """
    _refuse_other_dtypes(array, "text or numbers")
    distinct, places = _distinct(array)
    codes: dict[str, int] = {missing.MISSING_CATEGORY: 0}
    try:
        lookup = [codes.setdefault(category(value), len(codes)) for value in distinct]
    except ValueError:  # found again, with every row it stands in
        _each(array.tolist(), category)
        raise
    return CodedCategories(list(codes)[1:], np.array(lookup, dtype=np.int32)[places])


def _distinct(array: npt.NDArray[Any]) -> tuple[list[object], npt.NDArray[np.intp]]:
    """Values of which each stands for one category, and each row's place among them."""
    if array.dtype.kind in "iufb":
        unique, places = np.unique(array, return_inverse=True)
        return list(unique), places  # not tolist(): a float32 is written in its own precision
    values = array.tolist()
    if not set(map(type, values)) <= _TYPES_APART:
        values = _each(values, category)
    seen: dict[object, int] = {}
    places = np.array([seen.setdefault(value, len(seen)) for value in values], dtype=np.intp)
    return list(seen), places


def record_ids(ids: Iterable[object]) -> list[str]:
    """Return what the caller calls the rows, as categories are written. Raises ValueError naming a row."""
    try:
        # 7.0, an integer in a column with gaps, is called "7".
        return _each(ids, category)
    except BadValues as error:
        row, problem = error.problems[0]
        raise ValueError(f"row {row}: {problem}") from None


def kind_by_type(values: Iterable[object]) -> Kind:
    """Guess the kind of a feature the model does not know: text is categorical, anything else numeric."""
    first = next((value for value in values if not missing.is_missing_value(value)), None)
    return "categorical" if isinstance(first, str) else "numeric"


def single(array: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return numbers in single precision. Raises BadValues for finite numbers beyond its range."""
    beyond = np.isfinite(array) & (np.abs(array) > FLOAT32_MAX)
    if beyond.any():
        message = "{!r} does not fit single precision: send dtype='float64'"
        raise BadValues([(int(row), message.format(float(array[row]))) for row in np.flatnonzero(beyond)])
    return array.astype(np.float32)


def _refuse_other_dtypes(array: npt.NDArray[Any], expected: str) -> None:
    if array.dtype.kind in _NO_VALUES and array.size:
        raise BadValues([(0, f"expected {expected}, got a column of {array.dtype}")])


def _each(values: Iterable[object], convert: Callable[[object], T]) -> list[T]:
    converted: list[T] = []
    problems: list[tuple[int, str]] = []
    for row, value in enumerate(values):
        try:
            converted.append(convert(value))
        except (ValueError, OverflowError) as error:
            problems.append((row, str(error)))
    if problems:
        raise BadValues(problems)
    return converted
