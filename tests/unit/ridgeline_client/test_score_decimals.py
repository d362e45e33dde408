"""Fixed decimals against Python's decimal module."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ridgeline_client.score.decimals import decimals, price_type

EUR = price_type("EUR")


def expected(value: float, scale: int) -> Decimal | None:
    """The integer nearest to value * 10^scale as float64 has that product, ties to even."""
    product = value * 10.0**scale
    if not math.isfinite(product):
        return None
    whole = Decimal(product).to_integral_value(ROUND_HALF_EVEN)
    return whole.scaleb(-scale) if abs(whole) < 10**18 else None


@given(st.lists(st.floats(width=64)), st.sampled_from(["JPY", "EUR", "KWD", "CLF"]))
@example([math.nan, math.inf, -math.inf, -0.0, 5e-324], "EUR")
@example([99_999_999_999_999.98, 1e14, -1e14, 1.7e308], "EUR")
def test_decimals_are_those_of_the_decimal_module(values: list[float], currency: str) -> None:
    kind = price_type(currency)
    made = decimals(np.array(values, dtype=np.float64), kind)
    made.validate(full=True)
    assert made.to_pylist() == [expected(value, kind.scale) for value in values]


@given(st.floats(-1e9, 1e9))
def test_a_decimal_is_the_float_to_half_a_unit_and_a_rounding_of_the_product(value: float) -> None:
    (made,) = decimals(np.array([value]), EUR).to_pylist()
    assert abs(made - Decimal(value)) * 10**4 <= Decimal("0.5") + Decimal(math.ulp(value * 1e4)) / 2


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.125, "0.12"), (0.375, "0.38"), (-0.125, "-0.12"), (-0.375, "-0.38"), (-0.001, "0.00"), (2.5, "2.50")],
)
def test_ties_go_to_the_even_digit(value: float, text: str) -> None:
    (made,) = decimals(np.array([value]), price_type("JPY")).to_pylist()
    assert str(made) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e14, -1e14, 1e300])
def test_what_is_no_number_or_has_more_than_18_digits_is_null(value: float) -> None:
    made = decimals(np.array([1.0, value, 2.0]), EUR)
    assert made.null_count == 1
    assert made[1].as_py() is None


def test_no_values_make_no_decimals() -> None:
    assert len(decimals(np.array([], dtype=np.float64), EUR)) == 0


@pytest.mark.parametrize(
    ("currency", "scale"),
    [("JPY", 2), ("KRW", 2), ("EUR", 4), ("USD", 4), ("???", 4), ("KWD", 5), ("TND", 5), ("CLF", 6)],
)
def test_prices_have_two_digits_more_than_the_smallest_coin(currency: str, scale: int) -> None:
    assert (price_type(currency).precision, price_type(currency).scale) == (18, scale)
