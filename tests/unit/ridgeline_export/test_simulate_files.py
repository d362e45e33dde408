"""The files of one simulated market: bytes, schema, and a record that a notebook can confirm."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ridgeline_export import schema, simulate
from ridgeline_export.progress import silent

FILES = ("training.csv", "production_simulation.csv", "planted_faults.json", "schema.toml")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("simulated") / "new" / "directory"
    simulate.write(directory, 7, silent)
    return directory


@dataclass(frozen=True)
class Again:
    """The same market, written once more."""

    directory: Path
    summary: simulate.Summary
    seen: list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Again:
    directory, seen = tmp_path_factory.mktemp("again"), list[tuple[str, int, int]]()
    return Again(directory, simulate.write(directory, 7, lambda *call: seen.append(call)), seen)


@pytest.fixture(scope="module")
def record(out: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((out / "planted_faults.json").read_text())
    return read


def read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    out: Path, again: Again, techmart: Path
) -> None:
    assert simulate.DEFAULT_SEED != 7
    for name in FILES:
        assert (again.directory / name).read_bytes() == (out / name).read_bytes(), name
    for name in FILES[:3]:
        assert (techmart / name).read_bytes() != (out / name).read_bytes(), name


def test_the_schema_loads_and_describes_the_table(out: Path) -> None:
    loaded = schema.load(out / "schema.toml")
    rows = read_csv(out / "training.csv")
    names = [feature.name for feature in loaded.features]
    refused = list(loaded.model.refused_columns)
    assert (len(loaded.numeric), len(loaded.categorical)) == (72, 3)
    assert list(rows.columns) == ["product_id", "date", *names, *refused, "price"]
    assert list(read_csv(out / "production_simulation.csv").columns) == list(rows.columns)
    assert refused
    assert all(feature.description for feature in loaded.features)
    assert all(feature.unit and feature.valid_min is not None for feature in loaded.numeric)


def test_the_schema_says_what_techmart_asked_for(out: Path) -> None:
    text = tomllib.loads((out / "schema.toml").read_text())
    assert text["model"]["name"] == "techmart"
    assert text["model"]["segments"] == ["category", "brand"]
    assert text["price"]["policy"] == "clamp"
    assert (text["price"]["min"], text["price"]["max"]) == (10.0, 500.0)
    assert text["penalty"] == {"value": 0.05, "convention": "sum"}
    assert text["training"] == {"window_days": 90}
    assert text["holdout"] == {"from": "2026-04-01"}


def test_a_notebook_confirms_the_recorded_rmse(out: Path, record: dict[str, Any]) -> None:
    rows, month = read_csv(out / "training.csv"), read_csv(out / "production_simulation.csv")
    window, holdout = rows[rows["date"] < "2026-04-01"], rows[rows["date"] >= "2026-04-01"]
    categorical = ["category", "brand", "sales_channel"]
    numeric = [name for name in rows.columns[2:-3] if name not in categorical]
    columns = ColumnTransformer(
        [
            ("numeric", make_pipeline(SimpleImputer(), StandardScaler()), numeric),
            ("categorical", OneHotEncoder(handle_unknown="ignore"), categorical),
        ]
    )
    model = make_pipeline(columns, Ridge(alpha=0.05)).fit(window, window["price"])

    def rmse(part: pd.DataFrame) -> float:
        return float(np.sqrt(np.mean((np.clip(model.predict(part), 10.0, 500.0) - part["price"]) ** 2)))

    sample = record["rmse"]["samples"][0]
    assert sample["row_count"] == len(month) == 500
    assert record["rmse"]["holdout"] == pytest.approx(rmse(holdout), abs=1e-3)
    assert sample["all_faults"] == pytest.approx(rmse(month), abs=1e-3)


def test_every_fault_is_priced_and_all_together_break_the_red_line(record: dict[str, Any]) -> None:
    names = [fault["name"] for fault in record["faults"]]
    large = record["rmse"]["samples"][1]
    assert large["row_count"] == 20_000
    assert large["no_fault"] == pytest.approx(8.2, rel=0.02)
    for sample in record["rmse"]["samples"]:
        assert list(sample["alone"]) == names
        assert all(sample["no_fault"] < alone < sample["all_faults"] for alone in sample["alone"].values())
        assert sample["all_faults"] > 12.0


def test_recorded_sizes_are_those_of_the_files(out: Path, record: dict[str, Any]) -> None:
    rows, month = read_csv(out / "training.csv"), read_csv(out / "production_simulation.csv")
    window = rows[rows["date"] < "2026-04-01"]
    faults = {fault["name"]: fault for fault in record["faults"]}
    measures: dict[str, Callable[[pd.DataFrame, dict[str, Any]], float]] = {
        "missing_values": lambda part, entry: part[entry["feature"]].isna().mean(),
        "mean_shift": lambda part, entry: part[entry["feature"]].mean(),
        "spread_change": lambda part, entry: part[entry["feature"]].std(),
        "broken_correlation": lambda part, entry: part[entry["feature"]].corr(part[entry["partner"]]),
    }
    for name, measure in measures.items():
        assert faults[name]["features"]
        for entry in faults[name]["features"]:
            assert entry["training"] == pytest.approx(measure(window, entry), abs=1e-4)
            assert entry["production"] == pytest.approx(measure(month, entry), abs=1e-4)
    for new in faults["new_categories"]["categories"]:
        assert new["production_share"] == pytest.approx((month["category"] == new["value"]).mean())


def test_faults_reach_every_threshold_of_the_plan(record: dict[str, Any]) -> None:
    faults = {fault["name"]: fault for fault in record["faults"]}
    shifts = [abs(entry["planted"]) for entry in faults["mean_shift"]["features"]]
    assert [sum(shift > bound for shift in shifts) for bound in (0.20, 0.25, 0.30)] == [7, 5, 3]
    assert all(abs(entry["planted"] - 1.0) > 0.30 for entry in faults["spread_change"]["features"])
    assert sum(entry["planted"] > 0.15 for entry in faults["missing_values"]["features"]) == 10
    assert faults["new_categories"]["planted_share"] > 0.10


def test_missing_is_an_empty_cell_and_nothing_is_quoted(out: Path) -> None:
    for name in FILES[:2]:
        text = (out / name).read_text()
        assert ",," in text
        assert not [mark for mark in ('"', "nan", "NaN", "None") if mark in text]


def test_the_summary_and_progress(again: Again, record: dict[str, Any]) -> None:
    summary, seen = again.summary, again.seen
    stages = [stage for stage, done, _ in seen if done == 0]
    assert seen == [(stage, done, 1) for stage in stages for done in (0, 1)]
    assert len(set(stages)) == len(stages) > 1
    assert len(read_csv(summary.training_path)) == summary.training_rows + summary.holdout_rows
    assert len(read_csv(summary.production_path)) == summary.production_rows
    assert round(summary.holdout_rmse, 4) == record["rmse"]["holdout"]


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="seed must be 0 or greater, got -1"):
        simulate.write(tmp_path, -1, silent)
