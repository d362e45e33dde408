"""A whole export: the published version against a notebook fitted on the same rows."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.pipeline import Pipeline

from ridgeline import tables
from ridgeline.artifact import LinearForm, Manifest, ReferenceProfile, parse
from ridgeline_export.export import export_model
from ridgeline_export.parity import OnnxModel
from ridgeline_export.problems import ExportError, InputError
from support.notebook import fit_notebook, notebook_prices
from support.tables import (
    CATEGORICAL,
    CREATED,
    NUMERIC,
    SCHEMA,
    export_small,
    small_frame,
    write_csv,
    write_schema,
)


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_small(tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="module")
def manifest(version: Path) -> Manifest:
    return parse(Manifest, (version / "manifest.json").read_bytes(), "manifest.json")


@pytest.fixture(scope="module")
def notebook() -> Pipeline:
    return fit_notebook(small_frame()[:480], NUMERIC, CATEGORICAL, "price", 0.05)


def tensors(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """What a caller sends, made by hand: floats with NaN, and text with "" for missing."""
    text = frame[CATEGORICAL].astype(object)
    shops = [("" if pd.isna(shop) else str(int(shop))) for shop in text["shop"]]
    brands = ["" if pd.isna(brand) else brand for brand in text["brand"]]
    return frame[NUMERIC].to_numpy(dtype=np.float64), np.array([brands, shops], dtype=object).T


def test_a_version_is_six_files_with_the_digests_of_five(version: Path, manifest: Manifest) -> None:
    assert (version.parent.name, version.name) == ("laptops", "1")
    names = {"model.onnx", "numeric.onnx", "linear.json", "reference.json", "golden.npz"}
    assert {path.name for path in version.iterdir()} == names | {"manifest.json"}
    assert manifest.files == {
        name: hashlib.sha256((version / name).read_bytes()).hexdigest() for name in names
    }


def test_every_row_is_priced_as_in_the_notebook(version: Path, notebook: Pipeline) -> None:
    model = OnnxModel((version / "model.onnx").read_bytes())
    frame = small_frame()
    unseen = frame.assign(brand="a maker never seen")
    empty = frame.assign(**dict.fromkeys([*NUMERIC, "shop"], np.nan), brand=None)
    for rows in (frame, unseen, empty):
        np.testing.assert_allclose(model.predict(*tensors(rows)), notebook_prices(notebook, rows), rtol=1e-12)


def test_golden_rows_are_priced_by_plain_onnxruntime(version: Path) -> None:
    golden = np.load(version / "golden.npz", allow_pickle=False)
    session = onnxruntime.InferenceSession(version / "model.onnx")
    feed = {"numeric": golden["numeric"], "categorical": golden["categorical"].astype(object)}
    [price] = session.run(["price"], feed)
    assert price.shape == (len(golden["price"]), 1)
    np.testing.assert_allclose(price[:, 0], golden["price"], rtol=1e-12)


def test_metrics_are_those_of_the_clipped_price(manifest: Manifest, notebook: Pipeline) -> None:
    holdout = small_frame()[480:]
    served = np.clip(notebook_prices(notebook, holdout), 100, 400)
    sparse = holdout[NUMERIC + CATEGORICAL].isna().sum(axis=1) > 3
    assert not sparse.any()
    metrics = manifest.metrics
    assert metrics.row_count == 120
    assert metrics.rmse == pytest.approx(root_mean_squared_error(holdout["price"], served))
    assert metrics.mae == pytest.approx(mean_absolute_error(holdout["price"], served))
    assert metrics.r2 == pytest.approx(r2_score(holdout["price"], served))
    [acme] = [s for s in manifest.segments if (s.feature, s.value) == ("brand", "Acme")]
    rows = (holdout["brand"] == "Acme").to_numpy()
    assert acme.row_count == rows.sum()
    assert acme.rmse == pytest.approx(root_mean_squared_error(holdout["price"][rows], served[rows]))
    assert sum(s.row_count for s in manifest.segments if s.feature == "brand") == 120
    assert [s.value for s in manifest.segments if s.feature == "price_tier"] == ["low", "mid", "high"]


def test_the_interval_comes_from_the_first_half_of_the_holdout(
    manifest: Manifest, notebook: Pipeline
) -> None:
    holdout = small_frame()[480:]
    residuals = np.abs(holdout["price"].to_numpy() - notebook_prices(notebook, holdout))
    interval = manifest.interval
    assert interval.half_width == pytest.approx(np.sort(residuals[:60])[55 - 1])  # ceil(61 * 0.9) = 55
    assert interval.coverage == pytest.approx(np.mean(residuals[60:] <= interval.half_width))
    assert (interval.level, interval.calibration_rows, interval.coverage_rows) == (0.9, 60, 60)


def test_what_the_manifest_says_about_training(manifest: Manifest) -> None:
    training = small_frame()[:480]
    assert (manifest.training.row_count, manifest.training.first) == (480, "2026-01-01")
    assert (manifest.created, manifest.missing_tokens, manifest.currency) == (CREATED, ("unknown",), "EUR")
    assert manifest.penalty.model_dump() == {"value": 0.05, "convention": "sum", "alpha": 0.05}
    features = {feature.name: feature for feature in manifest.features}
    assert list(features) == ["screen_size", "memory", "brand", "weight", "shop", "release_code"]
    assert features["memory"].missing_rate == training["memory"].isna().mean()
    assert (features["weight"].training_min, features["weight"].training_max) == (
        training["weight"].min(),
        training["weight"].max(),
    )
    shares = training["brand"].fillna("").value_counts(normalize=True)
    assert {c.value: c.share for c in features["brand"].categories} == pytest.approx(shares.to_dict())
    assert sorted(feature.importance_rank for feature in manifest.features) == [1, 2, 3, 4, 5, 6]
    medians = training.groupby("brand")["price"].median().clip(100, 400)
    assert manifest.fallback.tables[0].prices == pytest.approx(medians.to_dict())


def test_the_linear_form_is_the_notebook_too(version: Path, notebook: Pipeline) -> None:
    form = parse(LinearForm, (version / "linear.json").read_bytes(), "linear.json")
    row = small_frame()[480:481]
    price = form.base
    for term in form.numeric:
        value = row[term.name].item()
        price += term.coefficient * ((term.fill if np.isnan(value) else value) - term.centre) / term.scale
    for category, part in zip(tensors(row)[1][0], form.categorical, strict=True):
        price += part.amounts.get(category, part.unknown_amount)
    assert price == pytest.approx(notebook_prices(notebook, row).item(), abs=1e-9)
    assert form.base == pytest.approx(small_frame()[:480]["price"].mean())


def test_the_reference_profile_is_of_the_training_rows(version: Path) -> None:
    profile = parse(ReferenceProfile, (version / "reference.json").read_bytes(), "reference.json")
    assert profile.target.row_count == 480
    assert [part.name for part in profile.numeric] == NUMERIC


def same_table_elsewhere(directory: Path, form: str) -> Path:
    frame = small_frame()
    path = directory / f"table.{form}"
    if form == "parquet":
        frame.to_parquet(path)
    else:
        frame.sample(frac=1, axis=1, random_state=1).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("form", ["parquet", "csv.gz"])
def test_training_from_another_form_makes_the_same_model(tmp_path: Path, version: Path, form: str) -> None:
    table, schema = same_table_elsewhere(tmp_path, form), write_schema(tmp_path / "schema.toml")
    again = export_model(table, schema, tmp_path / "models", created=CREATED)
    for path in version.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_awkward_categories_are_priced_alike_from_csv_parquet_and_training(
    tmp_path: Path, version: Path, manifest: Manifest, notebook: Pipeline
) -> None:
    frame = small_frame()
    columns = tables.Columns(NUMERIC, CATEGORICAL, missing_tokens=manifest.missing_tokens)
    model = OnnxModel((version / "model.onnx").read_bytes())
    expected = notebook_prices(notebook, frame)
    assert set(frame["brand"].dropna()) > {"NA", "None", "nan", "007", "missing_value"}
    for form in ("csv", "csv.gz", "parquet"):
        path = tmp_path / f"t.{form}"
        frame.to_parquet(path) if form == "parquet" else frame.to_csv(path, index=False)
        table = tables.read(path, columns)
        numeric = np.column_stack([table.numeric[name] for name in NUMERIC])
        categorical = np.column_stack([table.categorical[name].values() for name in CATEGORICAL])
        np.testing.assert_allclose(model.predict(numeric, categorical), expected, rtol=1e-12)


def test_missing_tokens_are_missing_everywhere(tmp_path: Path, version: Path) -> None:
    frame = small_frame()
    frame["brand"] = frame["brand"].fillna("unknown")
    frame["memory"] = frame["memory"].astype(object).where(frame["memory"].notna(), "unknown")
    again = export_small(tmp_path, frame)
    assert (again / "model.onnx").read_bytes() == (version / "model.onnx").read_bytes()


def changed(frame: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    return frame.assign(**columns)


@pytest.mark.parametrize(
    "make",
    [
        lambda frame: changed(frame, memory=np.nan),
        lambda frame: changed(frame, memory=8.0),
        lambda frame: changed(frame, memory=0.1, weight=np.nan, brand=np.nan),
        lambda frame: changed(frame, brand="Acme", shop=np.nan),
        lambda frame: changed(frame, weight=frame["weight"] * 1e15),
        lambda frame: changed(frame, price=199.0),
    ],
    ids=["all missing", "constant", "several", "categories", "huge", "constant price"],
)
def test_columns_that_say_nothing_give_finite_results(
    tmp_path: Path, make: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    frame = make(small_frame())
    version = export_small(tmp_path, frame)
    for name in ("manifest.json", "linear.json", "reference.json"):
        text = (version / name).read_text()
        assert "NaN" not in text
        assert "Infinity" not in text
    model = OnnxModel((version / "model.onnx").read_bytes())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Skipping features without any observed values")
        oracle = fit_notebook(frame[:480], NUMERIC, CATEGORICAL, "price", 0.05)
        expected = notebook_prices(oracle, frame)
    np.testing.assert_allclose(model.predict(*tensors(frame)), expected, rtol=1e-9)


def test_lambda_as_a_mean_is_alpha_times_rows(tmp_path: Path) -> None:
    schema = SCHEMA.replace("value = 0.05", 'value = 0.05\nconvention = "mean"')
    version = export_small(tmp_path, schema=schema)
    manifest = parse(Manifest, (version / "manifest.json").read_bytes(), "manifest.json")
    assert manifest.penalty.alpha == pytest.approx(24.0)
    frame = small_frame()
    oracle = fit_notebook(frame[:480], NUMERIC, CATEGORICAL, "price", 24.0)
    model = OnnxModel((version / "model.onnx").read_bytes())
    np.testing.assert_allclose(model.predict(*tensors(frame)), notebook_prices(oracle, frame), rtol=1e-12)


def test_refused_columns_and_other_columns_change_nothing(tmp_path: Path, version: Path) -> None:
    frame = small_frame().assign(units_sold_after=-1, remark="no feature")
    again = export_small(tmp_path, frame)
    assert (again / "manifest.json").read_bytes() == (version / "manifest.json").read_bytes()


def one_kind(kind: str) -> str:
    head, *features = SCHEMA.split("[[features]]")
    kept = "[[features]]".join([head, *(f for f in features if f'kind = "{kind}"' in f)])
    return kept if kind == "categorical" else kept.replace('["brand"]', "[]")


@pytest.mark.parametrize(("kind", "given"), [("numeric", ["numeric"]), ("categorical", ["categorical"])])
def test_models_with_one_kind_of_feature(tmp_path: Path, kind: str, given: list[str]) -> None:
    version = export_small(tmp_path, schema=one_kind(kind))
    names = {"numeric": (NUMERIC, []), "categorical": ([], CATEGORICAL)}[kind]
    oracle = fit_notebook(small_frame()[:480], *names, "price", 0.05)
    session = onnxruntime.InferenceSession(version / "model.onnx")
    assert [node.name for node in session.get_inputs()] == given
    numeric, categorical = tensors(small_frame())
    found = OnnxModel((version / "model.onnx").read_bytes()).predict(numeric, categorical)
    np.testing.assert_allclose(found, notebook_prices(oracle, small_frame()), rtol=1e-12)
    golden = np.load(version / "golden.npz", allow_pickle=False)
    assert golden["numeric"].shape[1] + golden["categorical"].shape[1] == len(names[0] + names[1])


def test_a_policy_of_reject_is_measured_on_priced_rows(tmp_path: Path) -> None:
    schema = SCHEMA.replace("max = 400.0", 'max = 300.0\npolicy = "reject"')
    version = export_small(tmp_path, schema=schema)
    manifest = parse(Manifest, (version / "manifest.json").read_bytes(), "manifest.json")
    assert manifest.metrics.row_count < manifest.holdout.row_count == 120


def test_stages_are_reported_in_order(tmp_path: Path) -> None:
    stages: list[tuple[str, int, int]] = []
    table, schema = write_csv(small_frame(), tmp_path / "t.csv"), write_schema(tmp_path / "s.toml")
    export_model(
        table, schema, tmp_path / "models", created=CREATED, progress=lambda *said: stages.append(said)
    )
    names = ["reading", "training", "judging", "converting", "proof", "writing"]
    assert list(dict.fromkeys(stage for stage, _, _ in stages)) == names
    for name in names:
        said = [(done, total) for stage, done, total in stages if stage == name]
        assert said[0][0] == 0
        assert said[-1][0] == said[-1][1] > 0


def test_problems_stop_the_export_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="memory"):
        export_small(tmp_path, small_frame().drop(columns="memory"))
    with pytest.raises(InputError, match="policy"):
        export_small(tmp_path, schema=SCHEMA.replace("min = 100.0", 'min = 1.0\npolicy = "x"'))
    nothing_priced = SCHEMA.replace("min = 100.0\nmax = 400.0", 'min = 1.0\nmax = 2.0\npolicy = "reject"')
    with pytest.raises(ExportError, match="rejected every holdout row"):
        export_small(tmp_path, schema=nothing_priced)
    assert not (tmp_path / "models").exists()


def test_a_graph_that_lies_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = OnnxModel.predict

    def lying(model: OnnxModel, *rows: Any) -> Any:
        return honest(model, *rows) + 1e-3

    monkeypatch.setattr(OnnxModel, "predict", lying)
    with pytest.raises(ExportError, match="the ONNX graph differs from scikit-learn"):
        export_small(tmp_path)
    assert not (tmp_path / "models").exists()


def test_the_holdout_is_never_trained_on(version: Path, manifest: Manifest, tmp_path: Path) -> None:
    frame = small_frame()
    frame.loc[480:, "price"] = 250.0
    again = export_small(tmp_path, frame)
    assert (again / "model.onnx").read_bytes() == (version / "model.onnx").read_bytes()
    assert json.loads((again / "manifest.json").read_bytes())["metrics"]["rmse"] != manifest.metrics.rmse
