"""What leaves is sane, or says that it is not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridgeline.artifact import Guard, GuardPolicy
from ridgeline_server.domain import NoticeKind, PredictionBatch, PredictOptions
from ridgeline_server.engine import guard
from ridgeline_server.engine.notices import row_notices
from ridgeline_server.engine.predictor import explain, predict
from support.manifests import FormulaModel, batch, manifest, version

PRICES = [100.0, 49.99, 150.01, math.nan, math.inf, -math.inf, 50.0, 150.0]
LOW, HIGH = NoticeKind.CLAMPED_LOW.bit, NoticeKind.CLAMPED_HIGH.bit
FALLBACK, REJECTED = NoticeKind.FALLBACK.bit, NoticeKind.REJECTED.bit


def apply(policy: GuardPolicy, prices: list[float], missing: int = 0) -> tuple[list[float], list[int]]:
    rule = version(manifest(guard=Guard(policy=policy, max_missing_share=0.5))).guard
    categories = np.array([["Acme", "phone"]] * len(prices), dtype=object)
    price, flags = guard.apply(rule, np.array(prices), np.full(len(prices), missing, np.int32), categories)
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


def priced(numeric: dict[str, list[float]], rows: int = 1, **categorical: list[str]) -> PredictionBatch:
    return predict(version(), batch(rows, numeric, **categorical), PredictOptions())


def test_the_interval_is_clipped_and_absent_when_the_guard_acted() -> None:
    answer = priced(
        {"ram": [8, 14, 22, 64], "screen": [11] * 4}, 4, brand=["Acme"] * 4, category=["phone"] * 4
    )
    assert answer.model_price.tolist() == [105, 135, 175, 385]
    assert answer.price.tolist() == [105, 135, 150, 150]
    np.testing.assert_array_equal(answer.lower, [100, 130, math.nan, math.nan])
    np.testing.assert_array_equal(answer.upper, [110, 140, math.nan, math.nan])


def test_an_unseen_category_reaches_the_model_as_unseen_whatever_bytes_it_has() -> None:
    hostile = priced({"ram": [8], "screen": [11]}, brand=["Acme\0"], category=["\0"])
    assert hostile.model_price.tolist() == [100 - 0.5]
    assert hostile.flags[0] == NoticeKind.UNKNOWN_CATEGORY.bit


def test_a_refused_row_has_no_price_and_its_neighbours_have() -> None:
    answer = priced({"ram": [8, math.inf], "screen": [11, 11]}, 2, brand=["Acme"] * 2, category=["phone"] * 2)
    assert answer.price[0] == 105
    assert all(math.isnan(a[1]) for a in (answer.price, answer.model_price, answer.lower, answer.upper))
    assert answer.flags.tolist() == [0, NoticeKind.ROW_ERROR.bit]


def test_contributions_add_up_to_the_model_price() -> None:
    answer = priced({"ram": [11], "screen": [math.nan]}, brand=["NA"], category=["what"])
    explanation = explain(version(), answer.checked)
    assert [name for name, _ in explanation.contributions] == ["ram", "brand", "screen", "category"]
    total = explanation.base + sum(amount for _, amount in explanation.contributions)
    assert total == pytest.approx(float(answer.model_price[0]), abs=1e-9)


def test_every_flag_of_a_row_has_its_notice_and_every_notice_its_flag() -> None:
    answer = priced({"ram": [65], "screen": [math.nan]}, brand=["who"], category=["phone"])
    notices = row_notices(version(), answer)
    assert sum({n.kind.bit for n in notices}) == answer.flags[0]
    assert [(n.kind, n.feature, n.received, n.used) for n in notices] == [
        (NoticeKind.CLAMPED_HIGH, "", "386.0", "150.0"),
        (NoticeKind.IMPUTED, "screen", "", "11.0"),
        (NoticeKind.UNKNOWN_CATEGORY, "brand", "who", ""),
        (NoticeKind.OUT_OF_TRAINING_RANGE, "ram", "65.0", ""),
    ]


def test_a_model_price_that_is_no_number_says_so() -> None:
    class Broken(FormulaModel):
        def run(self, numeric: np.ndarray, categorical: np.ndarray) -> np.ndarray:
            return np.full(len(numeric), math.nan)

    broken = replace(version(), model=Broken())
    answer = predict(
        broken, batch(1, {"ram": [8], "screen": [6]}, brand=["Acme"], category=["phone"]), PredictOptions()
    )
    (notice,) = row_notices(broken, answer)
    assert (notice.kind, notice.used) == (NoticeKind.FALLBACK, "80.0")
    assert "not a number" in notice.message
