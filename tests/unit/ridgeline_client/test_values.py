from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ridgeline import missing
from ridgeline_client import values

CELLS = st.one_of(
    st.none(),
    st.text(max_size=4),
    st.sampled_from(["7", "007", "NA", "true", ""]),
    st.integers(-(2**53), 2**53),
    st.sampled_from([7, 7.0, True, False, 0, -0.0, math.nan]),
    st.floats(),
)
TOKENS = st.sets(st.sampled_from(["NA", "7", "7.0", "true", "-"]))


def decoded(dictionary: list[str], codes: Any) -> list[str]:
    return ["" if code == 0 else dictionary[code - 1] for code in codes.tolist()]


@settings(deadline=None)
@given(st.lists(CELLS), TOKENS)
def test_categories_follow_the_missing_rule_value_by_value(cells: list[object], tokens: set[str]) -> None:
    coded = values.coded_categories(values.as_array(cells))
    dictionary, codes = coded.texts, coded.codes
    read_by_server = [missing.category(text, tokens) for text in decoded(dictionary, codes)]
    assert read_by_server == missing.categories(cells, tokens).tolist()
    assert len(set(dictionary)) == len(dictionary)
    assert "" not in dictionary
    assert codes.dtype == np.int32


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(-(2**70), 2**70), st.floats(), st.booleans())))
def test_numbers_follow_the_missing_rule_value_by_value(cells: list[object]) -> None:
    expected = [missing.number(cell) for cell in cells]
    np.testing.assert_array_equal(values.numbers(values.as_array(cells)), np.array(expected, dtype=float))


@pytest.mark.parametrize(
    "column",
    [
        np.array([1, 2, 3]),
        np.array([1.0, np.nan, 3.5], dtype=np.float32),
        np.array([True, False]),
        np.array(["1", "", "3.5"]),
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([1.5, None, 3], dtype="Float64"),
        pd.Series(["1", None, "3"], dtype="string"),
        pd.Series([1, None, 3], dtype="category"),
        pd.Series([1, "2", None], dtype=object),
        [Decimal("1.25"), None, pd.NA],
        range(3),
    ],
)
def test_columns_of_numbers_of_every_make(column: Any) -> None:
    expected = [missing.number(cell) for cell in column]
    np.testing.assert_array_equal(values.numbers(values.as_array(column)), np.array(expected))


@pytest.mark.parametrize(
    "column",
    [
        np.array([7, 7, 2]),
        np.array([7.0, np.nan, 2.5]),
        np.array([7.0, np.nan, 0.1], dtype=np.float32),
        np.array([True, False]),
        np.array(["a", "", "007"]),
        pd.Series(["a", None, "007"]),
        pd.Series(["a", None, "007"], dtype="string"),
        pd.Series(["a", None, "007"], dtype="category"),
        pd.Series([7, None, 2], dtype="Int64"),
        pd.Series([7, None, 2]),
        ["a", math.nan, None, "a", float("nan")],
        [1, 1.0, True, "1", "true"],
    ],
)
def test_columns_of_categories_of_every_make(column: Any) -> None:
    coded = values.coded_categories(values.as_array(column))
    dictionary, codes = coded.texts, coded.codes
    assert decoded(dictionary, codes) == missing.categories(list(column)).tolist()


def test_lists_are_not_turned_into_text_by_numpy() -> None:
    coded = values.coded_categories(values.as_array(["a", float("nan")]))
    dictionary, codes = coded.texts, coded.codes
    assert (dictionary, codes.tolist()) == (["a"], [1, 0])


def test_masked_values_are_missing() -> None:
    masked = np.ma.MaskedArray([1.0, 2.0, 3.0], mask=[False, True, False])
    np.testing.assert_array_equal(values.numbers(values.as_array(masked)), [1.0, np.nan, 3.0])


def test_every_bad_number_is_named_with_its_row() -> None:
    with pytest.raises(values.BadValues) as caught:
        values.numbers(values.as_array(["1", "cheap", None, [1], 10**400]))
    assert [row for row, _ in caught.value.problems] == [1, 3, 4]
    assert caught.value.problems[0][1] == "expected a number, got 'cheap'"


def test_every_bad_category_is_named_with_its_row() -> None:
    with pytest.raises(values.BadValues) as caught:
        values.coded_categories(values.as_array(["a", {}, None, [1]]))
    assert [row for row, _ in caught.value.problems] == [1, 3]


@pytest.mark.parametrize("convert", [values.numbers, values.coded_categories])
@pytest.mark.parametrize("dtype", ["datetime64[ns]", "timedelta64[s]", "complex128"])
def test_times_and_complex_numbers_are_no_values(convert: Any, dtype: str) -> None:
    with pytest.raises(values.BadValues, match=r"got a column of (datetime64|timedelta64|complex128)"):
        convert(np.zeros(2, dtype=dtype))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("abc", "a single str"),
        (5, "a single int"),
        ({"a": 1}, "a single dict"),
        (np.zeros((2, 3)), r"shape \(2, 3\)"),
        (np.float64(1.0), "a single float64"),
    ],
)
def test_what_is_no_column_is_refused(column: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        values.as_array(column)


def test_single_precision_keeps_infinity_and_refuses_what_would_become_it() -> None:
    assert values.single(np.array([1.5, np.inf, np.nan])).tolist()[:2] == [1.5, math.inf]
    with pytest.raises(values.BadValues, match=r"1e\+39 does not fit single precision") as caught:
        values.single(np.array([1.0, 1e39]))
    assert caught.value.problems[0][0] == 1
