"""What leaves is sane, or says that it is not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridgeline import guard
from ridgeline.artifact import Guard, GuardPolicy
from ridgeline.guard import Action
from support.manifests import manifest, version

PRICES = [100.0, 49.99, 150.01, math.nan, math.inf, -math.inf, 50.0, 150.0]
LOW, HIGH, FALLBACK, REJECTED = (
    Action.CLAMPED_LOW,
    Action.CLAMPED_HIGH,
    Action.FALLBACK,
    Action.REJECTED,
)


def apply(policy: GuardPolicy, prices: list[float], missing: int = 0) -> tuple[list[float], list[int]]:
    rule = version(manifest(guard=Guard(policy=policy, max_missing_share=0.5))).guard
    categories = np.array([["Acme", "phone"]] * len(prices), dtype=object)
    price, flags = guard.apply(
        rule, np.array(prices), np.full(len(prices), missing, np.int32), lambda rows: categories[rows]
    )
    return price.tolist(), flags.tolist()


@pytest.mark.parametrize(
    ("policy", "prices", "flags"),
    [
        ("clamp", [100, 50, 150, 80, 150, 50, 50, 150], [0, LOW, HIGH, FALLBACK, HIGH, LOW, 0, 0]),
        ("reject", [100, *[math.nan] * 5, 50, 150], [0, *[REJECTED] * 5, 0, 0]),
        ("fallback", [100, *[80] * 5, 50, 150], [0, *[FALLBACK] * 5, 0, 0]),
    ],
)
def test_each_policy_on_each_kind_of_price(
    policy: GuardPolicy, prices: list[float], flags: list[int]
) -> None:
    got, got_flags = apply(policy, PRICES)
    np.testing.assert_array_equal(got, prices)
    assert got_flags == flags


@pytest.mark.parametrize("policy", ["clamp", "reject", "fallback"])
def test_a_row_with_too_many_missing_features_gets_the_safe_default(policy: GuardPolicy) -> None:
    assert apply(policy, [100.0, 500.0], missing=2)[1][0] == 0
    assert apply(policy, [100.0, 500.0], missing=3) == ([80.0, 80.0], [FALLBACK, FALLBACK])


def test_the_safe_default_is_the_most_specific_one_known() -> None:
    categories = np.array([["Acme", "phone"], ["who", "phone"], ["who", "what"], ["", ""]], dtype=object)
    assert guard.fallback_prices(version().guard, categories).tolist() == [80.0, 70.0, 90.0, 90.0]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1), st.integers(0, 4))
def test_whatever_the_model_says_a_price_is_in_range_or_marked(prices: list[float], missing: int) -> None:
    for policy in ("clamp", "reject", "fallback"):
        for price, flag in zip(*apply(policy, prices, missing), strict=True):
            assert (flag == REJECTED and math.isnan(price)) or 50 <= price <= 150
