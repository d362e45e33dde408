"""The missing rule, value by value."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ridgeline import missing


@pytest.mark.parametrize(
    "value", [None, math.nan, np.nan, np.float32("nan"), pd.NA, pd.NaT, "", Decimal("NaN"), Decimal("sNaN")]
)
def test_what_is_missing(value: object) -> None:
    assert missing.category(value) == ""
    assert math.isnan(missing.number(value))


@pytest.mark.parametrize(
    "text",
    [
        "NA",
        "None",
        "nan",
        "null",
        "007",
        "missing_value",
        " ",
        "1e3",
        "7.00",
        "-0.5",
        "TRUE",
        "1.5e+00",
        "07.0",
    ],
)
def test_text_is_a_category_to_the_letter(text: str) -> None:
    assert missing.category(text) == text


WHOLE = [7, 7.0, np.int8(7), np.float32(7), np.uint64(7), Decimal(7), Decimal("7.00"), "7", "7.0", "7e+00"]


@pytest.mark.parametrize("value", WHOLE)
def test_a_whole_number_is_one_category_in_every_spelling(value: object) -> None:
    assert missing.category(value) == "7"


@pytest.mark.parametrize("token", ["7", "7.0"])
@pytest.mark.parametrize("value", WHOLE)
def test_a_token_is_missing_in_every_spelling(value: object, token: str) -> None:
    assert missing.category(value, [token]) == ""
    assert math.isnan(missing.number(value, [token]))


@pytest.mark.parametrize("token", ["True", "true"])
@pytest.mark.parametrize("value", [True, np.bool_(True), "True", "true"])
def test_a_boolean_token_is_missing_in_every_spelling(value: object, token: str) -> None:
    assert missing.category(value, [token]) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (np.bool_(False), "false"),
        ("True", "true"),
        (0.5, "0.5"),
        (Decimal("0.10"), "0.1"),
        (Decimal("-Infinity"), "-inf"),
        (Decimal(12345678901234567890), "12345678901234567890"),
        (np.float32(0.1), "0.1"),
        (np.float16(0.1), "0.1"),
        (-0.0, "0"),
        ("-0.0", "0"),
        (1e16, "10000000000000000"),
        ("1e+16", "10000000000000000"),
        ("1.5e+16", "15000000000000000"),
    ],
)
def test_other_scalars_as_categories(value: object, text: str) -> None:
    assert missing.category(value) == text


@pytest.mark.parametrize("value", [[1], b"x", datetime.date(2026, 1, 1), {}])
def test_what_is_no_category(value: object) -> None:
    with pytest.raises(ValueError, match="a category must be text or a number"):
        missing.category(value)


def test_tokens_are_missing_as_text_and_as_numbers() -> None:
    tokens = ["n/a", "-999"]
    assert [missing.category(v, tokens) for v in ("n/a", "-999", -999, -999.0, "-999.0")] == [""] * 5
    assert all(math.isnan(missing.number(v, tokens)) for v in ("n/a", "-999", -999, -999.0, "-999.0"))
    assert missing.number(-998, tokens) == -998
    assert math.isnan(missing.number(np.float32(-99.9), ["-99.9"]))
    assert missing.missing_numbers([*tokens, "nan", "inf"]) == {-999.0}


@pytest.mark.parametrize(
    ("value", "number"), [(3, 3.0), ("3.5", 3.5), (" 1e3 ", 1000.0), (True, 1.0), (Decimal("0.1"), 0.1)]
)
def test_numbers(value: object, number: float) -> None:
    assert missing.number(value) == number


@pytest.mark.parametrize("value", ["x", "1_000", "1,5", [1], datetime.date(2026, 1, 1), 10**400])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(ValueError, match="expected a number, got"):
        missing.number(value)


def test_categories_of_many() -> None:
    found = missing.categories(["a", None, 7.0, "?"], ["?"])
    assert found.dtype == object
    assert found.tolist() == ["a", "", "7", ""]


@settings(deadline=None)
@given(st.integers(min_value=-(2**53), max_value=2**53))
def test_whole_numbers_agree_with_what_pandas_writes(value: int) -> None:
    written = pd.DataFrame({"c": [float(value)]}).to_csv(index=False).splitlines()[1]
    assert missing.category(written) == missing.category(value) == missing.category(float(value))


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.sampled_from(["float32", "float64"]))
def test_floats_agree_with_what_pandas_writes(value: float, dtype: str) -> None:
    column = pd.Series([value], dtype=dtype)
    written = pd.DataFrame({"c": column}).to_csv(index=False).splitlines()[1]
    assert missing.category(written) == missing.category(column.to_numpy()[0])


@settings(deadline=None)
@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_a_category_is_a_fixed_point(value: object) -> None:
    once = missing.category(value)
    assert missing.category(once) == once
