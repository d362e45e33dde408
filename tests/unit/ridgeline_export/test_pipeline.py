"""The exportable pipeline and its graph against a pipeline fitted as in a notebook."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from ridgeline_export.fused_graph import published_graphs
from ridgeline_export.parity import Graphs, relative_error
from ridgeline_export.pipeline import Categorical, Numeric, fit_pipeline, make_pipeline, predict
from ridgeline_export.stock_graph import stock_graph
from support.notebook import fit_notebook, notebook_prices


@dataclass(frozen=True)
class Sample:
    """The same rows for both: tensors for us, a frame with names and NaN for the notebook."""

    numeric: Numeric
    categorical: Categorical
    target: npt.NDArray[np.float64]

    @property
    def names(self) -> tuple[list[str], list[str]]:
        return (
            [f"x{j}" for j in range(self.numeric.shape[1])],
            [f"c{j}" for j in range(self.categorical.shape[1])],
        )

    @property
    def frame(self) -> pd.DataFrame:
        numeric, categorical = self.names
        columns: dict[str, object] = {name: self.numeric[:, j] for j, name in enumerate(numeric)}
        for j, name in enumerate(categorical):
            column = pd.Series(self.categorical[:, j], dtype=object)
            columns[name] = column.where(column != "", np.nan)
        return pd.DataFrame(columns).assign(price=self.target)


def sample(rows: int, k: int, m: int, levels: int = 5, seed: int = 0) -> Sample:
    rng = np.random.default_rng(seed)
    numeric = rng.normal(rng.uniform(-1000, 1000, k), rng.uniform(0.01, 500, k), (rows, k))
    codes = rng.integers(0, levels, (rows, m))
    standard = (numeric - numeric.mean(axis=0)) / numeric.std(axis=0) if rows else numeric
    target = 150 + standard.sum(axis=1) + codes.sum(axis=1) + rng.normal(0, 2, rows)
    numeric[rng.random((rows, k)) < 0.08] = np.nan
    categorical = np.array([f"level {i}" for i in range(levels)], dtype=object)[codes]
    categorical[rng.random((rows, m)) < 0.08] = ""
    return Sample(numeric, categorical, target)


def hard_rows(fitted: Sample) -> Sample:
    """Rows the training did not have: everything missing, unseen categories, extreme numbers."""
    numeric, categorical = fitted.names
    later = sample(200, len(numeric), len(categorical), seed=99)
    later.categorical[::3] = "never seen"
    later.categorical[1::7] = ""
    later.numeric[::5] *= 1e6
    later.numeric[2::11] = np.nan
    return later


def notebook(fitted: Sample) -> Pipeline:
    with warnings.catch_warnings():
        # The notebook's imputer drops columns without any value, and says so.
        warnings.filterwarnings("ignore", message="Skipping features without any observed values")
        return fit_notebook(fitted.frame, *fitted.names, "price", 0.05)


class Exported:
    """The graphs of a pipeline. The published model and the parts of it that servers use agree in every bit
    wherever a test asks for prices."""

    def __init__(self, pipeline: Pipeline, k: int, m: int) -> None:
        self._graphs = Graphs.of(stock_graph(pipeline, k, m, "m"), published_graphs(pipeline, k, "m"))
        parts = pipeline.named_steps["features"].named_transformers_
        self._fill = parts["numeric"].named_steps["impute"].statistics_ if k else np.empty(0)

    def predict(self, numeric: Numeric, categorical: Categorical) -> npt.NDArray[np.float64]:
        """What the published model says."""
        price = self._graphs.model.predict(numeric, categorical)
        np.testing.assert_array_equal(self._graphs.in_parts(numeric, categorical, self._fill), price)
        return price

    def stock(self, numeric: Numeric, categorical: Categorical) -> npt.NDArray[np.float64]:
        """What skl2onnx's graph says."""
        return self._graphs.stock.predict(numeric, categorical)


def onnx_model(fitted: Sample) -> Exported:
    pipeline = fit_pipeline(fitted.numeric, fitted.categorical, fitted.target, 0.05)
    return Exported(pipeline, *map(len, fitted.names))


@pytest.mark.parametrize(
    ("k", "m", "levels"), [(72, 3, 15), (5, 2, 4), (6, 0, 1), (0, 3, 4), (1, 1, 2), (10, 1, 400)]
)
def test_the_graph_prices_as_the_notebook_does(k: int, m: int, levels: int) -> None:
    fitted = sample(2000, k, m, levels)
    model, oracle = onnx_model(fitted), notebook(fitted)
    for rows in (fitted, hard_rows(fitted)):
        expected = notebook_prices(oracle, rows.frame)
        for prices in (model.predict, model.stock):
            assert relative_error(prices(rows.numeric, rows.categorical), expected).max() <= 1e-9


def test_large_values_keep_float64_accuracy() -> None:
    fitted = sample(2000, 3, 1)
    fitted.numeric[:, 0] = 20_260_000 + np.arange(2000) % 365
    fitted.target[:] *= 1000
    expected = notebook_prices(notebook(fitted), fitted.frame)
    model = onnx_model(fitted)
    for prices in (model.predict, model.stock):
        assert np.abs(prices(fitted.numeric, fitted.categorical) - expected).max() < 1e-7


def test_a_column_far_from_zero_keeps_its_digits() -> None:
    """Microseconds since 1970 within a minute: the mean is 8e7 standard deviations away from 0."""
    fitted = sample(2000, 3, 1)
    rng = np.random.default_rng(5)
    fitted.numeric[:, 0] = 1_780_000_000_000_000 + rng.uniform(-3e7, 3e7, 2000).round()
    fitted.target[:] += (fitted.numeric[:, 0] - fitted.numeric[:, 0].mean()) / 1e6
    expected = notebook_prices(notebook(fitted), fitted.frame)
    found = onnx_model(fitted).predict(fitted.numeric, fitted.categorical)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("magnitude", [1e-60, 1e-9, 1.0, 1e9, 1e60])
def test_one_number_alone_keeps_float64_accuracy(magnitude: float) -> None:
    fitted = sample(500, 1, 0)
    fitted.numeric[:] *= magnitude
    fitted.target[:] *= 1000
    expected = notebook_prices(notebook(fitted), fitted.frame)
    found = onnx_model(fitted).predict(fitted.numeric, fitted.categorical)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_missing_is_a_level_of_its_own_only_when_training_has_it() -> None:
    fitted = sample(500, 2, 1)
    fitted.target[fitted.categorical[:, 0] == ""] += 40
    oracle = notebook(fitted)
    rows = hard_rows(fitted)
    expected = notebook_prices(oracle, rows.frame)
    np.testing.assert_allclose(
        onnx_model(fitted).predict(rows.numeric, rows.categorical), expected, rtol=1e-9
    )
    complete = Sample(
        fitted.numeric, np.where(fitted.categorical == "", "level 0", fitted.categorical), fitted.target
    )
    model = onnx_model(complete)
    missing, unseen = rows.categorical.copy(), rows.categorical.copy()
    missing[:], unseen[:] = "", "never seen"
    np.testing.assert_array_equal(model.predict(rows.numeric, missing), model.predict(rows.numeric, unseen))


@pytest.mark.parametrize("awkward", ["missing_value", "nan", "None", "NA", "007"])
def test_awkward_brands_do_not_merge_with_missing(awkward: str) -> None:
    fitted = sample(500, 2, 1)
    fitted.categorical[fitted.categorical == "level 1"] = awkward
    fitted.target[fitted.categorical[:, 0] == awkward] += 30
    model = onnx_model(fitted)
    branded, missing = fitted.categorical.copy(), fitted.categorical.copy()
    branded[:], missing[:] = awkward, ""
    difference = model.predict(fitted.numeric, branded) - model.predict(fitted.numeric, missing)
    assert difference.min() > 20
    expected = notebook_prices(notebook(fitted), fitted.frame)
    np.testing.assert_allclose(model.predict(fitted.numeric, fitted.categorical), expected, rtol=1e-9)


def test_one_hot_columns_come_in_the_notebooks_order() -> None:
    codes = np.array([[10.0], [9.0], [np.nan], [-1.0]] * 5)
    oracle = OneHotEncoder().fit(codes).categories_[0]
    texts = np.array([["10"], ["9"], [""], ["-1"]] * 5, dtype=object)
    pipeline = fit_pipeline(np.zeros((20, 1)), texts, np.arange(20.0), 1.0)
    [ours] = pipeline.named_steps["features"].named_transformers_["categorical"].categories_
    assert [float(level) if level else np.nan for level in ours] == pytest.approx(
        oracle.tolist(), nan_ok=True
    )


@pytest.mark.parametrize(("k", "m", "levels"), [(72, 3, 15), (10, 1, 400)])
def test_the_price_does_not_depend_on_how_many_rows_share_the_call(k: int, m: int, levels: int) -> None:
    fitted = sample(10_000, k, m, levels)
    model = onnx_model(fitted)
    together = model.predict(fitted.numeric, fitted.categorical)
    for size in (1, 2, 3, 7, 64, 999):
        rows = slice(5000, 5000 + size)
        np.testing.assert_array_equal(
            model.predict(fitted.numeric[rows], fitted.categorical[rows]), together[rows]
        )
    single = [model.predict(fitted.numeric[i : i + 1], fitted.categorical[i : i + 1]) for i in range(500)]
    np.testing.assert_array_equal(np.concatenate(single), together[:500])


def test_the_same_rows_make_the_same_bytes() -> None:
    first, second = (
        published_graphs(fit_pipeline(s.numeric, s.categorical, s.target, 0.05), 4, "m")
        for s in (sample(300, 4, 2), sample(300, 4, 2))
    )
    assert first == second


def test_the_graphs_are_double_throughout_and_name_what_the_contract_names() -> None:
    fitted = sample(300, 4, 2)
    pipeline = fit_pipeline(fitted.numeric, fitted.categorical, fitted.target, 0.05)
    numbers = {"numeric": "DOUBLE"}
    inputs = {**numbers, "categorical": "STRING"}
    expected = {
        "model.onnx": {**inputs, "price": "DOUBLE", "category_effects": "DOUBLE"},
        "numeric.onnx": {**numbers, "numeric_price": "DOUBLE"},
    }
    types = onnx.TensorProto.DataType
    for name, content in published_graphs(pipeline, 4, "laptops").items():
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model, full_check=True)
        graph = model.graph
        described = {
            node.name: types.Name(node.type.tensor_type.elem_type) for node in [*graph.input, *graph.output]
        }
        assert described == expected[name]
        assert graph.name == "laptops"
        assert "FLOAT" not in {types.Name(tensor.data_type) for tensor in graph.initializer}


def test_a_model_needs_a_feature() -> None:
    with pytest.raises(ValueError, match="at least one feature"):
        make_pipeline(0, 0, 1.0)


@st.composite
def tables(draw: st.DrawFn) -> Sample:
    """Small tables with missing, constant and all-missing columns of any size of number."""
    rows, k, m = draw(st.integers(2, 30)), draw(st.integers(0, 4)), draw(st.integers(0, 3))
    k = k if m else max(k, 1)
    numbers = st.one_of(st.just(np.nan), st.floats(-1e6, 1e6), st.sampled_from([0.0, 7.7, 1e15, 20261121.0]))
    texts = st.sampled_from(["", "a", "b", "NA", "007", "é"])
    kinds = [draw(st.sampled_from(["any", "constant", "missing"])) for _ in range(k)]
    numeric = np.empty((rows, k))
    for j, kind in enumerate(kinds):
        values = {
            "any": numbers,
            "constant": st.just(draw(st.floats(-1e9, 1e9))),
            "missing": st.just(np.nan),
        }[kind]
        numeric[:, j] = draw(st.lists(values, min_size=rows, max_size=rows))
    flat = draw(st.lists(texts, min_size=rows * m, max_size=rows * m))
    categorical = np.array(flat, dtype=object).reshape(rows, m)
    target = np.array(draw(st.lists(st.floats(0, 1e5), min_size=rows, max_size=rows)))
    return Sample(numeric, categorical, target)


@settings(max_examples=60, deadline=None)
@given(tables())
def test_any_table_gives_finite_prices_equal_to_the_notebooks(fitted: Sample) -> None:
    pipeline = fit_pipeline(fitted.numeric, fitted.categorical, fitted.target, 1.0)
    numeric, categorical = fitted.names
    model = Exported(pipeline, len(numeric), len(categorical))
    prices = model.predict(fitted.numeric, fitted.categorical)
    assert np.isfinite(prices).all()
    trained = predict(pipeline, fitted.numeric, fitted.categorical)
    assert relative_error(prices, trained).max() <= 1e-6
    assert relative_error(model.stock(fitted.numeric, fitted.categorical), trained).max() <= 1e-6
    if numeric and np.isnan(fitted.numeric).all():
        return  # scikit-learn's scaler refuses a table without any number
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Skipping features without any observed values")
        oracle = fit_notebook(fitted.frame, numeric, categorical, "price", 1.0)
        expected = notebook_prices(oracle, fitted.frame)
    assert relative_error(prices, expected).max() <= 1e-6
