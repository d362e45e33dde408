"""The proof of a version: the exported graphs and the formula price every row as scikit-learn does."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ridgeline.artifact import (
    CATEGORICAL_INPUT,
    EFFECTS_OUTPUT,
    MODEL_FILE,
    NUMERIC_FILE,
    NUMERIC_INPUT,
    NUMERIC_OUTPUT,
    PARITY_TOLERANCE,
    PRICE_OUTPUT,
    Parity,
)
from ridgeline_export.linear import formula_prices
from ridgeline_export.pipeline import Categorical, Numeric, predict
from ridgeline_export.problems import ExportError
from ridgeline_export.progress import Progress
from ridgeline_export.training import Trained

# Read when it is imported: else it keeps an id of the machine in the home folder, ready to be sent.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

ROWS_PER_CALL = 10_000

Prices = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Rows to compare, with what to call each: numeric float64[n, k], categorical object[n, m]."""

    label: str
    number: npt.NDArray[np.int64]
    numeric: Numeric
    categorical: Categorical


class OnnxModel:
    """An exported graph in onnxruntime, on one thread."""

    def __init__(self, content: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._inputs = {node.name for node in self._session.get_inputs()}

    def predict(self, numeric: Numeric, categorical: Categorical) -> Prices:
        """Price rows in one call; returns float64[n]."""
        return self.run(PRICE_OUTPUT, numeric, categorical).reshape(-1)

    def run(self, output: str, numeric: Numeric, categorical: Categorical) -> npt.NDArray[np.float64]:
        """Return one output for rows, float64[n, ...]."""
        tensors = {NUMERIC_INPUT: numeric, CATEGORICAL_INPUT: categorical}
        feed = {name: tensor for name, tensor in tensors.items() if name in self._inputs}
        return np.asarray(self._session.run([output], feed)[0], dtype=np.float64)


@dataclass(frozen=True)
class Graphs:
    """The ways an exported model can be run.

    Attributes:
        stock: skl2onnx's conversion of the pipeline; it is not published.
        model: the published model.
        numeric: its numeric part; None without numeric features.
    """

    stock: OnnxModel
    model: OnnxModel
    numeric: OnnxModel | None

    @classmethod
    def of(cls, stock: bytes, published: Mapping[str, bytes]) -> Graphs:
        """Load skl2onnx's graph and the published ones, by the name of their file."""
        numeric = published.get(NUMERIC_FILE)
        return cls(
            OnnxModel(stock), OnnxModel(published[MODEL_FILE]), OnnxModel(numeric) if numeric else None
        )

    def in_parts(self, numeric: Numeric, categorical: Categorical, fill: Prices) -> Prices:
        """Price rows as servers do, from the numeric part and the effects; `fill` float64[k]."""
        price = np.zeros(len(numeric))
        if self.numeric:
            filled = np.where(np.isnan(numeric), fill, numeric)
            price = self.numeric.run(NUMERIC_OUTPUT, filled, categorical).reshape(-1)
        if categorical.shape[1]:
            for effect in self.model.run(EFFECTS_OUTPUT, numeric, categorical).T:
                price = price + effect
        return price


def relative_error(price: Prices, expected: Prices) -> Prices:
    """Return |price - expected| / max(1, |expected|), float64[n]; infinite where either is not a number."""
    error = np.abs(price - expected) / np.maximum(1.0, np.abs(expected))
    return np.where(np.isfinite(error), error, np.inf)


def prove(graphs: Graphs, trained: Trained, groups: list[Group], progress: Progress) -> Parity:
    """Compare the graphs and the formula with scikit-learn on every row, and the parts with their whole.

    Raises:
        ExportError: some row differs by more than `PARITY_TOLERANCE`, or the model in parts by a bit; how
            many and the worst of all is named.
    """
    total, done = sum(group.number.size for group in groups), 0
    fill = np.array([term.fill for term in trained.form.numeric])
    stock, graph = _Comparison("skl2onnx's graph"), _Comparison("the ONNX graph")
    formula, parts = _Comparison("the linear form"), _Comparison("the numeric graph with the effects", 0.0)
    progress("proof", 0, total)
    for part in _parts(groups):
        rows = (part.numeric, part.categorical)
        expected, price = predict(trained.pipeline, *rows), graphs.model.predict(*rows)
        stock.add(part, graphs.stock.predict(*rows), expected)
        graph.add(part, price, expected)
        formula.add(part, formula_prices(trained.form, *rows), expected)
        parts.add(part, graphs.in_parts(*rows, fill), price)
        done += part.number.size
        progress("proof", done, total)
    problems = [text for text in (c.problem(total) for c in (stock, graph, formula, parts)) if text]
    if problems:
        raise ExportError("; ".join([*problems, "nothing was written"]))
    return Parity(row_count=total, largest_error=graph.largest)


def _parts(groups: list[Group]) -> Iterator[Group]:
    for group in groups:
        for start in range(0, group.number.size, ROWS_PER_CALL):
            rows = slice(start, start + ROWS_PER_CALL)
            yield Group(group.label, group.number[rows], group.numeric[rows], group.categorical[rows])


class _Comparison:
    """What one way of pricing says, beside another: the largest error so far, where, and how many."""

    def __init__(self, what: str, tolerance: float = PARITY_TOLERANCE) -> None:
        self._what = what
        self._tolerance = tolerance
        self._differ = 0
        self._worst = ""
        self.largest = 0.0

    def add(self, part: Group, price: Prices, expected: Prices) -> None:
        error = relative_error(price, expected)
        self._differ += int(np.count_nonzero(error > self._tolerance))
        worst = int(np.argmax(error))
        if error[worst] > self.largest:
            self.largest = float(error[worst])
            self._worst = (
                f"{part.label} {part.number[worst]}: relative error {self.largest:.3g} where "
                f"{self._other}'s price is {expected[worst]:.6f}"
            )

    def problem(self, total: int) -> str | None:
        if not self._differ:
            return None
        by = f"more than {self._tolerance:g}" if self._tolerance else "some bits"
        return (
            f"{self._what} differs from {self._other} by {by} in {self._differ} of {total} rows; "
            f"worst at {self._worst}"
        )

    @property
    def _other(self) -> str:
        return "scikit-learn" if self._tolerance else "the ONNX graph"
