"""Served prices are the notebook's: every row of both files, at every door."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline.v1.pricing_service_pb2_grpc import PricingServiceStub
from ridgeline_client import PricingClient
from support import doors
from support.doors import Answers, bit, worst_error
from support.techmart import HIGHEST_PRICE, LOWEST_PRICE, TechMart

TOLERANCE = 1e-6
ENOUGH = 1_000
GOOD = (
    pb.NOTICE_KIND_IMPUTED,
    pb.NOTICE_KIND_UNKNOWN_CATEGORY,
    pb.NOTICE_KIND_OUT_OF_TRAINING_RANGE,
    pb.NOTICE_KIND_CLAMPED_LOW,
    pb.NOTICE_KIND_CLAMPED_HIGH,
)


@dataclass(frozen=True)
class Asked:
    """The rows that are asked for, both files first, and what the notebook says of them."""

    frame: pd.DataFrame
    file_rows: int
    prices: npt.NDArray[np.float64]
    missing: npt.NDArray[np.bool_]
    unseen: npt.NDArray[np.bool_]


@pytest.fixture(scope="module")
def asked(notebook: TechMart) -> Asked:
    parts = [
        notebook.training,
        notebook.production,
        notebook.with_unseen_categories(ENOUGH, seed=11),
        notebook.with_extreme_numbers(400, seed=12),
    ]
    frame = pd.concat(parts, ignore_index=True)[notebook.features]
    file_rows = len(notebook.training) + len(notebook.production)
    return Asked(frame, file_rows, notebook.prices(frame), notebook.missing(frame), notebook.unseen(frame))


@pytest.fixture(scope="module", params=["Predict", "PredictBatch rows", "PredictBatch columns"])
def answers(
    request: pytest.FixtureRequest,
    asked: Asked,
    notebook: TechMart,
    stub: PricingServiceStub,
    client: PricingClient,
) -> Answers:
    if request.param == "PredictBatch columns":
        return doors.by_columns(client, asked.frame)
    records = doors.records(asked.frame, notebook.numeric, notebook.categorical)
    return (doors.by_predict if request.param == "Predict" else doors.by_rows)(stub, records)


def test_every_row_of_both_files_has_the_notebooks_price(answers: Answers, asked: Asked) -> None:
    assert asked.file_rows >= 30_500
    files = slice(0, asked.file_rows)
    assert worst_error(answers.model_price[files], asked.prices[files]) <= TOLERANCE
    clipped = np.clip(asked.prices[files], LOWEST_PRICE, HIGHEST_PRICE)
    assert worst_error(answers.price[files], clipped) <= TOLERANCE


def test_rows_with_missing_values_have_the_notebooks_price(answers: Answers, asked: Asked) -> None:
    assert asked.missing[: asked.file_rows].sum() >= ENOUGH
    assert worst_error(answers.model_price[asked.missing], asked.prices[asked.missing]) <= TOLERANCE
    np.testing.assert_array_equal(answers.has(pb.NOTICE_KIND_IMPUTED), asked.missing)


def test_rows_with_unseen_categories_have_the_notebooks_price(answers: Answers, asked: Asked) -> None:
    assert asked.unseen[: asked.file_rows].sum() >= 50, "production has new categories in over 10% of 500"
    assert asked.unseen.sum() >= ENOUGH
    assert worst_error(answers.model_price[asked.unseen], asked.prices[asked.unseen]) <= TOLERANCE
    np.testing.assert_array_equal(answers.has(pb.NOTICE_KIND_UNKNOWN_CATEGORY), asked.unseen)


def test_prices_outside_the_range_are_clipped_and_said_to_be(answers: Answers, asked: Asked) -> None:
    low, high = asked.prices < LOWEST_PRICE, asked.prices > HIGHEST_PRICE
    assert low.sum() >= 100
    assert high.sum() >= 100
    assert worst_error(answers.model_price[low | high], asked.prices[low | high]) <= TOLERANCE
    np.testing.assert_array_equal(answers.price[low], LOWEST_PRICE)
    np.testing.assert_array_equal(answers.price[high], HIGHEST_PRICE)
    np.testing.assert_array_equal(answers.has(pb.NOTICE_KIND_CLAMPED_LOW), low)
    np.testing.assert_array_equal(answers.has(pb.NOTICE_KIND_CLAMPED_HIGH), high)


def test_no_row_is_refused_or_gets_a_price_that_is_not_the_models(answers: Answers, asked: Asked) -> None:
    assert len(answers.price) == len(asked.frame)
    assert not (answers.flags & ~reduce(or_, map(bit, GOOD))).any()
