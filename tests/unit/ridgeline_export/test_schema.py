"""The schema language: what it takes and every problem it names."""

from __future__ import annotations

import datetime
import math
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ridgeline_export.problems import InputError
from ridgeline_export.schema import load, parse
from support.tables import SCHEMA, write_schema


def raw() -> dict[str, Any]:
    return tomllib.loads(SCHEMA)


def problems(changed: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse(changed, "schema.toml")
    return list(caught.value.problems)


def test_defaults() -> None:
    schema = parse(raw(), "schema.toml")
    assert (schema.price.policy, schema.price.max_missing_share) == ("clamp", 0.5)
    assert (schema.penalty.convention, schema.interval.level) == ("sum", 0.9)
    assert (schema.holdout.share, schema.holdout.start, schema.training.window_days) == (None, None, None)
    assert schema.features[0].acceptable_missing_rate == 1.0
    assert list(schema.columns.numeric) == ["screen_size", "memory", "weight", "release_code", "price"]
    assert list(schema.columns.categorical) == ["brand", "shop"]
    assert list(schema.columns.other) == ["product_id", "date"]


def test_lambda_conventions() -> None:
    schema = parse(raw() | {"penalty": {"value": 0.05, "convention": "mean"}}, "schema.toml")
    assert schema.penalty.alpha(200) == 10.0
    assert parse(raw(), "schema.toml").penalty.alpha(200) == 0.05


@pytest.mark.parametrize(
    "text",
    ['"2026-04-01"', "20260401", "3.5", "2026-04-01", "2026-04-01T00:00:00", "2026-04-01T00:00:00+05:00"],
)
def test_holdout_from_takes_dates_and_numbers_as_they_are(text: str) -> None:
    start = tomllib.loads(f"from = {text}")["from"]
    found = parse(raw() | {"holdout": {"from": start}}, "schema.toml").holdout.start
    assert (found, type(found)) == (start, type(start))


@pytest.mark.parametrize("start", [True, [1], {}, datetime.time(1), math.nan])
def test_holdout_from_of_another_type_is_one_problem(start: object) -> None:
    [found] = problems(raw() | {"holdout": {"from": start}})
    assert found.startswith("holdout.from: must be a ")
    assert found.endswith(f", got {start!r}")


def test_values_of_another_type_are_refused_not_converted() -> None:
    changed = raw()
    changed["price"] |= {"min": "500", "max": "10"}
    changed["features"] = [
        {"name": "a", "kind": "numeric", "valid_min": "9", "valid_max": True, "required": "off"}
    ]
    changed["model"]["segments"] = "brand"
    changed["price"]["fallback_by"] = []
    assert problems(changed) == [
        "model.segments: must be a valid list, got 'brand'",
        "price.min: must be a valid number, got '500'",
        "price.max: must be a valid number, got '10'",
        "features[a].required: must be a valid boolean, got 'off'",
        "features[a].valid_min: must be a valid number, got '9'",
        "features[a].valid_max: must be a valid number, got True",
    ]


def test_whole_numbers_stand_for_numbers() -> None:
    changed = raw()
    changed["price"] |= {"min": 1, "max": 500}
    assert parse(changed, "schema.toml").price.max == 500.0


@pytest.mark.parametrize(("section", "key"), [("price", "max"), ("features", "valid_max")])
def test_bounds_that_cannot_be_computed_with_are_refused(section: str, key: str) -> None:
    changed = raw()
    (changed["features"][0] if section == "features" else changed[section])[key] = 1.7e308
    [found] = problems(changed)
    assert f"{key}: must be within -1e+100 and 1e+100, got 1.7e+308" in found


def test_all_problems_are_named_at_once() -> None:
    changed = raw()
    changed["model"] |= {"name": "No Spaces", "curency": "EUR", "segments": ["brand", "memory", "price_tier"]}
    changed["model"]["refused_columns"] = ["weight"]
    changed["price"] |= {"min": 500.0, "max": 400.0, "policy": "guess"}
    changed["penalty"]["value"] = 0.0
    changed["holdout"] = {"share": 0.2, "from": "2026-04-01"}
    changed["features"] += [
        {"name": "price", "kind": "numeric"},
        {"name": "memory", "kind": "numeric", "valid_min": 3.0, "valid_max": 2.0},
        {"name": "colour", "kind": "categorical", "valid_min": 1.0},
        {"kind": "numerical", "name": "odd", "valid_max": float("inf")},
        {"kind": "numeric"},
    ]
    del changed["model"]["currency"]
    found = problems(changed)
    for expected in [
        "model.name: string should match pattern",
        "model.curency: unknown key; correct its spelling or remove it",
        "model.currency: missing; add it",
        "price.policy: must be 'clamp', 'reject' or 'fallback', got 'guess'",
        "penalty.value: must be greater than 0, got 0.0",
        "features[odd].kind: must be 'numeric' or 'categorical', got 'numerical'",
        "features[odd].valid_max: must be a finite number, got inf",
        "features[number 11].name: missing; add it",
        "features[memory]: declared 2 times; names must be unique",
        "features[price]: is the target column, which must not be a feature; remove the feature",
        "features[weight]: is in refused_columns (known only after the sale); remove the feature",
        "model.segments: 'memory' is not a categorical feature; declare it as one or remove it",
        "model.segments: 'price_tier' is the name of a segment every model has; rename the feature",
        "price: min 500.0 must be below max 400.0",
        "features[memory]: valid_min 3.0 is above valid_max 2.0",
        "features[colour]: categories have no valid_min, valid_max; remove them",
        "holdout: has both share and from; keep one",
    ]:
        assert any(problem.startswith(expected) for problem in found), (expected, found)
    assert len(found) == 18  # 'price_tier' is also no feature


@pytest.mark.parametrize("section", ["holdout", "training"])
def test_time_rules_need_a_time_column(section: str) -> None:
    changed = raw() | {"holdout": {"from": 3}, "training": {"window_days": 3}}
    del changed["model"]["time"]
    assert any(
        problem.startswith(f"{section}.") and "needs a time column" in problem
        for problem in problems(changed)
    )


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("target", "product_id", "model.target: 'product_id' is also the id or time column"),
        ("refused_columns", ["price"], "model.target: 'price' is in refused_columns"),
        ("segments", ["brand", "brand"], "model.segments: 'brand' is listed 2 times"),
        ("time", "memory", "features[memory]: is the time column"),
    ],
)
def test_rules_between_names(key: str, value: object, expected: str) -> None:
    changed = raw()
    changed["model"][key] = value
    assert any(problem.startswith(expected) for problem in problems(changed))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"features": 3},
        {"features": [3]},
        {"model": 1, "price": [], "features": []},
        {"model": {"target": ["a"], "id": ["a"], "time": {}}, "features": [{"name": "a"}]},
        {"model": {"refused_columns": [["a"]], "segments": [["a"]]}, "price": {"fallback_by": [{}]}},
    ],
)
def test_nonsense_is_refused_not_crashed_on(changed: dict[str, Any]) -> None:
    assert problems(changed)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "none.toml")
    with pytest.raises(InputError, match="is not TOML: .*line 2"):
        load(write_schema(tmp_path / "schema.toml", "[model]\nname = 1 2\n"))
    with pytest.raises(InputError, match="nested too deeply"):
        load(write_schema(tmp_path / "schema.toml", "a = " + "[" * 9999))
    assert load(write_schema(tmp_path / "schema.toml")).model.name == "laptops"
