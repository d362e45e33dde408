"""The proof: golden rows are hard, and a graph or a formula that differs is not published."""

from __future__ import annotations

import dataclasses
import io
import tomllib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.pipeline import Pipeline

from ridgeline.artifact import Feature
from ridgeline_export import parity
from ridgeline_export.dataset import Dataset, Rows, read_dataset
from ridgeline_export.fused_graph import published_graphs
from ridgeline_export.golden import REAL_ROWS, UNSEEN, golden_rows, to_npz
from ridgeline_export.linear import linear_form
from ridgeline_export.parity import Graphs, Group, OnnxModel, prove, relative_error
from ridgeline_export.pipeline import Categorical, Numeric, fit_pipeline
from ridgeline_export.problems import ExportError
from ridgeline_export.progress import silent
from ridgeline_export.schema import Schema, parse
from ridgeline_export.stock_graph import stock_graph
from ridgeline_export.training import Trained, train
from support.tables import SCHEMA, small_frame, write_csv

FEATURES = [
    Feature(name="x", kind="numeric", valid_min=0.0, valid_max=9.0, training_min=1.0, training_max=8.0),
    Feature(name="brand", kind="categorical"),
    Feature(name="y", kind="numeric"),
]


def some_rows(n: int = 100) -> Rows:
    numeric = np.column_stack([np.linspace(1, 8, n), np.linspace(-5, 5, n)])
    brand = np.array(["a", "b"], dtype=object)[np.arange(n) % 2].reshape(n, 1)
    return Rows(numeric, brand, numeric.sum(axis=1), np.arange(n) + 2)


def trained_on(rows: Rows) -> Trained:
    pipeline = fit_pipeline(rows.numeric, rows.categorical, rows.target, 1.0)
    return Trained(pipeline, 1.0, linear_form(pipeline, ["x", "y"], ["brand"], [()]), [()])


def graphs(pipeline: Pipeline) -> Graphs:
    return Graphs.of(stock_graph(pipeline, 2, 1, "m"), published_graphs(pipeline, 2, "m"))


def group(rows: Rows) -> Group:
    return Group("row", rows.number, rows.numeric, rows.categorical)


def test_golden_rows_hold_every_hard_case() -> None:
    golden = golden_rows(some_rows(), FEATURES)
    assert golden.numeric.shape[1:] == (2,)
    assert golden.categorical.shape == (len(golden.numeric), 1)
    np.testing.assert_array_equal(golden.numeric[:REAL_ROWS:31], some_rows().numeric[[0, 99]])
    x, y, brand = golden.numeric[:, 0], golden.numeric[:, 1], golden.categorical[:, 0]
    assert set(x[~np.isnan(x)]) >= {0.0, 9.0, 1.0, 8.0}
    assert set(brand) == {"a", "b", "", UNSEEN}
    for hard in (
        np.isnan(x) & ~np.isnan(y) & (brand != ""),
        np.isnan(y) & ~np.isnan(x),
        (brand == "") & ~np.isnan(x),
        (brand == UNSEEN) & ~np.isnan(x) & ~np.isnan(y),
        np.isnan(x) & np.isnan(y) & (brand == ""),
        np.isnan(x) & np.isnan(y) & (brand == UNSEEN),
    ):
        assert hard.any()


def test_golden_rows_of_a_model_with_one_kind_of_feature() -> None:
    rows = some_rows(3)
    numbers = golden_rows(
        Rows(rows.numeric, rows.categorical[:, :0], rows.target, rows.number), FEATURES[::2]
    )
    assert numbers.categorical.shape == (len(numbers.numeric), 0)
    texts = golden_rows(Rows(rows.numeric[:, :0], rows.categorical, rows.target, rows.number), FEATURES[1:2])
    assert texts.numeric.shape == (len(texts.categorical), 0)


def test_golden_files_load_without_pickle_and_are_the_same_bytes_again() -> None:
    golden = golden_rows(some_rows(), FEATURES)
    stored = to_npz(golden, np.zeros(len(golden.numeric)))
    loaded = np.load(io.BytesIO(stored), allow_pickle=False)
    np.testing.assert_array_equal(loaded["numeric"], golden.numeric)
    assert (loaded["categorical"].astype(object) == golden.categorical).all()
    assert loaded["categorical"].dtype.kind == "U"
    assert stored == to_npz(golden, np.zeros(len(golden.numeric)))


def test_the_error_is_relative_to_prices_above_one() -> None:
    found = relative_error(np.array([0.5, 1001.0, np.nan, np.inf]), np.array([0.25, 1000.0, 1.0, 1.0]))
    assert found.tolist() == [0.25, 0.001, np.inf, np.inf]


def test_every_row_is_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "ROWS_PER_CALL", 30)
    rows, seen = some_rows(), []
    trained = trained_on(rows)
    found = prove(
        graphs(trained.pipeline),
        trained,
        [group(rows)],
        lambda stage, done, total: seen.append((stage, done, total)),
    )
    assert found.row_count == 100
    assert found.largest_error < 1e-12
    assert [done for _, done, _ in seen] == [0, 30, 60, 90, 100]
    assert {(stage, total) for stage, _, total in seen} == {("proof", 100)}


def test_a_graph_that_differs_is_refused_and_the_worst_row_named() -> None:
    rows = some_rows()
    trained = trained_on(rows)
    other = fit_pipeline(rows.numeric, rows.categorical, rows.target + 1e-3 * (rows.number == 57), 1.0)
    with pytest.raises(
        ExportError, match=r"the ONNX graph differs .* worst at row \d+: relative error .* nothing"
    ):
        prove(graphs(other), trained, [group(rows)], silent)


def test_the_worst_of_all_parts_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "ROWS_PER_CALL", 30)
    rows = some_rows()
    trained = trained_on(rows)

    class Wrong(OnnxModel):
        def predict(self, numeric: Numeric, categorical: Categorical) -> npt.NDArray[np.float64]:
            price = super().predict(numeric, categorical)
            return np.where(numeric[:, 0] == 8.0, price + 9, np.where(numeric[:, 0] == 1.0, price + 1, price))

    model = published_graphs(trained.pipeline, 2, "m")["model.onnx"]
    wrong_model = dataclasses.replace(graphs(trained.pipeline), model=Wrong(model))
    wrong = dataclasses.replace(
        trained, form=trained.form.model_copy(update={"base": trained.form.base + 1e-4})
    )
    with pytest.raises(ExportError) as caught:
        prove(wrong_model, wrong, [group(rows)], silent)
    graph, formula, parts, last = str(caught.value).split("; worst at ")
    assert graph.startswith("the ONNX graph differs from scikit-learn by more than 1e-06 in 2 of 100 rows")
    assert formula.startswith("row 101: ")
    assert "the linear form differs from scikit-learn by more than 1e-06 in 100 of 100 rows" in formula
    assert "the numeric graph with the effects differs from the ONNX graph by some bits in 2 of 100" in parts
    assert last.endswith("; nothing was written")


def test_a_formula_that_differs_is_refused() -> None:
    rows = some_rows()
    trained = trained_on(rows)
    wrong = dataclasses.replace(
        trained, form=trained.form.model_copy(update={"base": trained.form.base + 1e-4})
    )
    with pytest.raises(ExportError, match="the linear form differs"):
        prove(graphs(trained.pipeline), wrong, [group(rows)], silent)


def test_parts_that_differ_from_their_whole_by_one_bit_are_refused() -> None:
    rows = some_rows()
    trained = trained_on(rows)

    class Close(OnnxModel):
        def run(self, output: str, numeric: Numeric, categorical: Categorical) -> npt.NDArray[np.float64]:
            return np.nextafter(super().run(output, numeric, categorical), np.inf)

    close = Close(published_graphs(trained.pipeline, 2, "m")["numeric.onnx"])
    with pytest.raises(ExportError, match="the numeric graph with the effects differs .* by some bits"):
        prove(dataclasses.replace(graphs(trained.pipeline), numeric=close), trained, [group(rows)], silent)


def dataset_of(directory: Path) -> tuple[Dataset, Schema]:
    schema = parse(tomllib.loads(SCHEMA), "schema")
    return read_dataset(write_csv(small_frame(), directory / "t.csv"), schema), schema


def test_a_fit_that_is_not_finite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, schema = dataset_of(tmp_path)

    def broken(*_: object) -> object:
        pipeline = fit_pipeline(
            dataset.training.numeric, dataset.training.categorical, dataset.training.target, 1.0
        )
        pipeline.named_steps["ridge"].coef_[0] = np.inf
        return pipeline

    monkeypatch.setattr("ridgeline_export.training.fit_pipeline", broken)
    with pytest.raises(ExportError, match="coefficients are not finite"):
        train(dataset, schema)
