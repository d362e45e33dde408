"""From rows to guarded prices, intervals, notices and explanations, with a formula in place of the graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ridgeline.artifact import NUMERIC_OUTPUT
from ridgeline.notices import NoticeKind
from ridgeline_server.domain import Floats, PredictionBatch, PredictOptions
from ridgeline_server.engine.notices import row_notices
from ridgeline_server.engine.predictor import explain, predict
from support.manifests import FormulaGraph, batch, plan, version


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
    (texts,) = answer.checked.categories.texts(np.array([0]))
    explanation = explain(version(), answer.checked.numeric[0], texts)
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
    class Broken(FormulaGraph):
        def run(self, output: str, feed: Mapping[str, Any]) -> Floats:
            return super().run(output, feed) * (math.nan if output == NUMERIC_OUTPUT else 1)

    broken = replace(version(), plan=plan(version().schema, Broken()))
    answer = predict(
        broken, batch(1, {"ram": [8], "screen": [6]}, brand=["Acme"], category=["phone"]), PredictOptions()
    )
    (notice,) = row_notices(broken, answer)
    assert (notice.kind, notice.used) == (NoticeKind.FALLBACK, "80.0")
    assert "not a number" in notice.message


def test_gaps_are_filled_however_the_columns_lie_in_memory() -> None:
    rows = {"ram": [8.0, math.nan, 16.0], "screen": [math.nan, 11.0, 12.0]}
    sent = batch(3, rows, brand=["Acme"] * 3, category=["phone"] * 3)
    for matrix in (np.ascontiguousarray(sent.numeric), np.asfortranarray(sent.numeric)):
        answer = predict(version(), replace(sent, numeric=matrix), PredictOptions())
        assert answer.model_price.tolist() == pytest.approx([105.0, 105.0, 145 - 10 / 3])
