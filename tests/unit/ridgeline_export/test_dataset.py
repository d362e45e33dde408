"""Tables against their schema: every problem at once, and the time-ordered split."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ridgeline_export.dataset import Dataset, read_dataset
from ridgeline_export.problems import InputError
from ridgeline_export.schema import Schema, parse
from support.tables import SCHEMA, small_frame, write_csv


def schema_with(**sections: dict[str, Any]) -> Schema:
    raw = tomllib.loads(SCHEMA)
    for name, keys in sections.items():
        raw[name] = raw.get(name, {}) | keys
    return parse(raw, "schema.toml")


def read(frame: pd.DataFrame, directory: Path, schema: Schema | None = None) -> Dataset:
    return read_dataset(write_csv(frame, directory / "table.csv"), schema or schema_with())


def problems(frame: pd.DataFrame, directory: Path, schema: Schema | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read(frame, directory, schema)
    assert caught.value.where == str(directory / "table.csv")
    return "\n".join(caught.value.problems)


def test_all_problems_of_a_table_are_named_at_once(tmp_path: Path) -> None:
    frame = small_frame().astype({"memory": object, "price": object})
    frame.loc[[0, 7], "memory"] = ["much", "more"]
    frame.loc[3, "weight"] = np.inf
    frame.loc[4, "release_code"] = 1e200
    frame.loc[5, "screen_size"] = 400.0
    frame.loc[range(10, 22), "price"] = np.nan
    frame.loc[30, "price"] = "free"
    frame["date"] = frame["date"].where(frame.index != 8, "soon")
    found = problems(frame.drop(columns="shop"), tmp_path)
    for expected in [
        "column 'shop' is missing; add it, or correct its name in the schema",
        "column 'memory': expected a number, found 'much', 'more' in 2 rows (2, 9); correct the cells",
        "column 'weight': infinite or beyond 1e+100 in row 5; correct the cells or leave them empty",
        "column 'release_code': infinite or beyond 1e+100 in row 6",
        "column 'screen_size': outside the valid range 5.0 to 40.0 in row 7, such as 400.0; correct or empty",
        "column 'price': the target is missing in 12 rows (12, 13, 14, 15, 16, ...); fill it or",
        "column 'price': expected a number, found 'free' in row 32",
        "column 'date': expected a date such as 2026-04-01",
    ]:
        assert expected in found
    assert len(found.splitlines()) == 8


def test_bad_cells_of_the_target_are_not_missing_ones_too(tmp_path: Path) -> None:
    frame = small_frame().astype({"price": object})
    frame.loc[range(10, 22), "price"] = "free"
    found = problems(frame, tmp_path)
    assert "column 'price': expected a number, found 'free' in 12 rows (12, 13, 14, 15, 16, ...)" in found
    assert len(found.splitlines()) == 1


def test_required_features_are_never_missing(tmp_path: Path) -> None:
    raw = tomllib.loads(SCHEMA)
    for feature in raw["features"][:3]:
        feature["required"] = True
    frame = small_frame(missing=0).astype({"memory": object})
    frame.loc[[3, 9], "screen_size"] = np.nan
    frame.loc[4, "memory"] = "much"
    frame.loc[5, "brand"] = "unknown"
    frame.loc[6, "weight"] = np.nan
    found = problems(frame, tmp_path, parse(raw, "schema.toml"))
    assert (
        "column 'screen_size': required, yet missing in 2 rows (5, 11); a server refuses such rows" in found
    )
    assert "column 'brand': required, yet missing in row 7" in found
    assert len(found.splitlines()) == 3


def test_categories_with_nul_are_refused(tmp_path: Path) -> None:
    frame = small_frame()
    frame.loc[5, "brand"] = "A\0B"
    found = problems(frame, tmp_path)
    assert r"column 'brand': expected text without NUL or line breaks" in found
    assert r"found 'A\x00B' in row 7" in found


def test_an_id_names_one_row(tmp_path: Path) -> None:
    frame = small_frame()
    frame.loc[[7, 9], "product_id"] = "p3"
    frame.loc[[20, 21], "product_id"] = None
    found = problems(frame, tmp_path)
    assert "column 'product_id': the id of an earlier row is there again in 2 rows (9, 11); remove" in found
    assert len(found.splitlines()) == 1


def test_a_table_without_rows_and_one_with_too_few(tmp_path: Path) -> None:
    assert "has no rows" in problems(small_frame(0), tmp_path)
    found = problems(small_frame(9), tmp_path)
    assert "7 rows are left for training, at least 10 are needed" in found
    assert "2 rows are in the holdout, at least 18 are needed for an interval of level 0.9" in found


def test_problems_of_cells_and_of_the_split_come_together(tmp_path: Path) -> None:
    frame = small_frame(9)
    frame.loc[0, "screen_size"] = 400.0
    assert len(problems(frame, tmp_path).splitlines()) == 3


def test_the_holdout_is_the_latest_fifth_whatever_the_file_order(tmp_path: Path) -> None:
    frame = small_frame(600).sample(frac=1, random_state=1)
    dataset = read(frame, tmp_path)
    assert (len(dataset.training), len(dataset.holdout)) == (480, 120)
    assert (dataset.holdout_window.first, dataset.holdout_window.last) == ("2026-04-07", "2026-04-30")
    assert dataset.training_window.last <= dataset.holdout_window.first
    stored = frame.reset_index(drop=True)
    for rows in (dataset.training, dataset.holdout):
        np.testing.assert_array_equal(rows.target, stored.loc[rows.number - 2, "price"])
        np.testing.assert_array_equal(rows.numeric[:, 0], stored.loc[rows.number - 2, "screen_size"])
        assert stored.loc[rows.number - 2, "date"].is_monotonic_increasing
    assert set(dataset.training.number) | set(dataset.holdout.number) == set(range(2, 602))


def test_without_a_time_column_the_last_rows_are_the_holdout(tmp_path: Path) -> None:
    raw = tomllib.loads(SCHEMA)
    del raw["model"]["time"]
    raw["holdout"] = {"share": 0.25}
    dataset = read(small_frame(600), tmp_path, parse(raw, "schema.toml"))
    assert dataset.holdout.number.tolist() == list(range(452, 602))
    assert (dataset.holdout_window.first, dataset.training_window.row_count) == ("", 450)


def test_holdout_from_a_date_and_a_training_window(tmp_path: Path) -> None:
    schema = schema_with(holdout={"from": "2026-04-01"}, training={"window_days": 30})
    frame = small_frame(600)
    dataset = read(frame, tmp_path, schema)
    assert (dataset.training_window.first, dataset.training_window.last) == ("2026-03-02", "2026-03-31")
    assert (dataset.holdout_window.first, len(dataset.holdout)) == (
        "2026-04-01",
        (frame["date"] >= "2026-04-01").sum(),
    )
    assert len(dataset.training) == frame["date"].between("2026-03-02", "2026-03-31").sum()


def test_a_holdout_starts_at_the_moment_that_is_named(tmp_path: Path) -> None:
    frame = small_frame(600).assign(date=pd.date_range("2026-01-01", periods=600, freq="h"))
    start = tomllib.loads("t = 2026-01-20T00:00:00+05:00")["t"]
    dataset = read(frame, tmp_path, schema_with(holdout={"from": start}))
    assert dataset.holdout_window.first == "2026-01-19 19:00:00"


def test_rows_of_one_time_stay_on_one_side(tmp_path: Path) -> None:
    frame = small_frame(600)
    frame["date"] = np.where(np.arange(600) < 300, "2026-01-01", "2026-01-02")
    dataset = read(frame, tmp_path)
    assert (dataset.training_window.last, dataset.holdout_window.first) == ("2026-01-01", "2026-01-02")
    assert (len(dataset.training), len(dataset.holdout)) == (300, 300)
    frame["date"] = "2026-01-01"
    found = problems(frame, tmp_path)
    assert "all rows from 2026-01-01 on are held out: no earlier row is left to train on" in found
    assert len(found.splitlines()) == 1


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_times_may_be_numbers_or_timestamps(tmp_path: Path, form: str) -> None:
    frame = small_frame(600)
    numbers, stamps = frame.assign(date=range(600)), frame.assign(date=pd.to_datetime(frame["date"]))
    for table, start in ((numbers, 400), (stamps, "2026-03-22T00:00:00Z")):
        path = tmp_path / f"t.{form}"
        table.to_csv(path, index=False) if form == "csv" else table.to_parquet(path)
        dataset = read_dataset(path, schema_with(holdout={"from": start}))
        assert len(dataset.holdout) == 200


def test_times_may_be_decimals_but_not_lists(tmp_path: Path) -> None:
    schema = schema_with(holdout={"from": 400})
    path = tmp_path / "t.parquet"
    small_frame(600).assign(date=pd.Series(map(Decimal, range(600)), dtype=object)).to_parquet(path)
    assert len(read_dataset(path, schema).holdout) == 200
    small_frame(600).assign(date=pd.Series([[i] for i in range(600)], dtype=object)).to_parquet(path)
    with pytest.raises(InputError) as caught:
        read_dataset(path, schema)
    [problem] = caught.value.problems
    assert problem.startswith("column 'date': expected dates, timestamps or numbers, found list<")


def test_times_that_do_not_fit_the_schema(tmp_path: Path) -> None:
    numbers = small_frame(600).assign(date=range(600))
    found = problems(
        numbers, tmp_path, schema_with(holdout={"from": "2026-04-01"}, training={"window_days": 3})
    )
    assert "holdout.from: '2026-04-01' is not a number; the time column holds numbers" in found
    assert "training.window_days: the time column holds numbers; it needs dates or timestamps" in found
    found = problems(small_frame(600), tmp_path, schema_with(holdout={"from": 3}))
    assert "holdout.from: 3 is not a date" in found
    gaps = small_frame(600)
    gaps.loc[5, "date"] = None
    assert "column 'date': expected a date such as 2026-04-01" in problems(gaps, tmp_path)


def test_rows_know_how_many_of_their_features_are_missing(tmp_path: Path) -> None:
    frame = small_frame(600)
    rows = read(frame, tmp_path).training
    features = [feature.name for feature in schema_with().features]
    np.testing.assert_array_equal(rows.missing_count, frame.loc[rows.number - 2, features].isna().sum(axis=1))


def test_an_unreadable_table_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_dataset(tmp_path / "none.csv", schema_with())
