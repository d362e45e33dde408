"""`predict_frame`: a DataFrame in, a DataFrame out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ridgeline_client import InvalidInput, ModelNotFound, NoticeKind, PricingClient, StreamOptions
from ridgeline_client.schema import Selection
from support import toys
from support.score import big_toys


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    made = big_toys(700)[list(toys.FEATURES)]
    made.loc[[3, 650], "weight"] = -1.0
    return made


@pytest.mark.parametrize("rows", [1, 99, 700, 5_000])
def test_it_has_the_frames_index_and_the_prices_of_a_batch(
    toy_client: PricingClient, frame: pd.DataFrame, rows: int
) -> None:
    frame = frame.set_axis(np.arange(700) // 2 * 10)  # not even unique
    got = toy_client.predict_frame(frame, chunk_rows=rows)
    batch = toy_client.predict_batch(frame)
    assert got.index.equals(frame.index)
    for name, values in batch.columns().items():
        np.testing.assert_array_equal(got[name], values)
        assert got[name].dtype == values.dtype
    assert (got["version"] == 1).all()
    assert list(got.columns) == ["price", "model_price", "lower", "upper", "flags", "version", "error"]


def test_a_refused_row_says_why(toy_client: PricingClient, frame: pd.DataFrame) -> None:
    got = toy_client.predict_frame(frame, chunk_rows=100).reset_index(drop=True)
    bad = got["flags"] == NoticeKind.ROW_ERROR.bit
    assert list(got.index[bad]) == [3, 650]
    assert all("weight" in text and "-1" in text for text in got["error"][bad])
    assert (got["error"][~bad] == "").all()


def test_rows_beyond_what_an_answer_lists_say_why_too(toy_client: PricingClient, frame: pd.DataFrame) -> None:
    many = pd.concat([frame] * 3, ignore_index=True).assign(weight=-2.0)
    assert toy_client.predict_frame(many)["error"].str.contains("-2").all()


def test_no_rows_give_no_rows(toy_client: PricingClient, frame: pd.DataFrame) -> None:
    got = toy_client.predict_frame(frame.head(0))
    assert len(got) == 0
    assert "price" in got


def test_options_are_those_of_a_stream(toy_client: PricingClient, frame: pd.DataFrame) -> None:
    with pytest.raises(ModelNotFound):
        toy_client.predict_frame(frame, StreamOptions(Selection(version=9)))


def test_a_column_that_is_no_feature_is_refused(toy_client: PricingClient, frame: pd.DataFrame) -> None:
    with pytest.raises(InvalidInput, match="colour"):
        toy_client.predict_frame(frame.assign(colour="red"))


@pytest.mark.parametrize(
    ("frame", "rows", "error"), [({"ram": [1]}, 10, TypeError), (pd.DataFrame(), 0, ValueError)]
)
def test_what_is_no_frame_is_said(toy_client: PricingClient, frame: object, rows: int, error: type) -> None:
    with pytest.raises(error, match="DataFrame|chunk_rows"):
        toy_client.predict_frame(frame, chunk_rows=rows)
