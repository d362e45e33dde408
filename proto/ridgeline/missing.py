"""The missing rule, the same at every door: wire, CSV, Parquet, training.

A number is missing when it is absent, None or NaN. A category is missing when it is absent, None, NaN, the
empty string or one of the schema's missing tokens; a token that reads as a number, such as "-999", makes
that number missing too, in every spelling. Inside Ridgeline a missing number is NaN and a missing category is
the empty string; nothing else is missing, so a brand called "NA" or "007" is a brand.
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Collection, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

MISSING_CATEGORY = ""
MISSING_NUMBER = math.nan

_FLOAT_TEXT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.0|(?:\.[0-9]+)?e\+[0-9]{2,})")
_SHORT_FLOATS = (np.float16, np.float32)
_BOOLEANS = {"True": "true", "False": "false"}


def is_missing_value(value: object) -> bool:
    """True for None and for whatever does not equal itself (float NaN, NaT) or says so (pandas.NA)."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, numbers.Real) and value != value


def category(value: object, tokens: Collection[str] = ()) -> str:
    """Return one category as text, "" when it is missing.

    Numbers that are whole become that integer's digits, other numbers the shortest text that reads as the
    same number in the value's own precision, and booleans "true" and "false". Text is taken to the letter,
    except where it is what pandas writes to CSV for such a value: "7.0", "1e+16" and "True". So 7, 7.0 (an
    integer column with gaps), "7" and "7.0" are one category at every door. Tokens are read the same way.

    Raises:
        ValueError: the value is neither text nor a number nor missing.
    """
    if isinstance(value, str):
        text = _category_of_text(value)
    elif is_missing_value(value):
        return MISSING_CATEGORY
    else:
        text = _category_of_scalar(value)
    return MISSING_CATEGORY if tokens and text in _token_categories(frozenset(tokens)) else text


@lru_cache(maxsize=64)
def _token_categories(tokens: frozenset[str]) -> frozenset[str]:
    return frozenset(map(_category_of_text, tokens))


def _category_of_text(text: str) -> str:
    if _FLOAT_TEXT.fullmatch(text):
        return _category_of_float_text(text)
    return _BOOLEANS.get(text, str(text))


def _category_of_float_text(text: str) -> str:
    if text.endswith(".0"):
        return "0" if text == "-0.0" else text[:-2]
    number = float(text)
    return str(int(number)) if number.is_integer() else str(text)


def _category_of_scalar(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return str(int(value))
    if isinstance(value, numbers.Real | Decimal):
        number = _shortest(value)
        return str(int(number)) if number.is_integer() else repr(number)
    raise ValueError(f"a category must be text or a number, got {type(value).__name__}")


def _shortest(value: Any) -> float:
    """The number as written in its own precision: 0.1 for the float32 0.1, as in a CSV."""
    return float(str(value) if isinstance(value, _SHORT_FLOATS) else value)


def categories(values: Iterable[object], tokens: Collection[str] = ()) -> npt.NDArray[np.object_]:
    """Apply `category` to each value; returns an object array of str, shape [n]. Raises ValueError."""
    return np.array([category(value, tokens) for value in values], dtype=object)


def number(value: object, tokens: Collection[str] = ()) -> float:
    """Return one number as float, NaN when it is missing.

    Text is read as a decimal number; the empty string and the missing tokens are missing.

    Raises:
        ValueError: the value is not a number.
    """
    if type(value) is float and not tokens:  # by far the most frequent case
        return value
    if isinstance(value, str):
        result = _number_of_text(value, tokens)
    elif is_missing_value(value):
        return MISSING_NUMBER
    else:
        result = _number_of_scalar(value)
        if tokens and isinstance(value, _SHORT_FLOATS) and _shortest(value) in missing_numbers(tokens):
            return MISSING_NUMBER
    return MISSING_NUMBER if tokens and result in missing_numbers(tokens) else result


def missing_numbers(tokens: Collection[str]) -> frozenset[float]:
    """Return the finite numbers that mean missing: the tokens that read as one."""
    return _token_numbers(frozenset(tokens))


@lru_cache(maxsize=64)
def _token_numbers(tokens: frozenset[str]) -> frozenset[float]:
    found = set()
    for token in tokens:
        try:
            found.add(_number_of_text(token, ()))
        except ValueError:
            continue
    return frozenset(value for value in found if math.isfinite(value))


def _number_of_scalar(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # whatever has __float__: int, NumPy, Decimal, bool
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"expected a number, got {type(value).__name__} {value!r}") from None


def _number_of_text(text: str, tokens: Collection[str]) -> float:
    if text == "" or text in tokens:
        return MISSING_NUMBER
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except ValueError:
        raise ValueError(f"expected a number, got {text!r}") from None
