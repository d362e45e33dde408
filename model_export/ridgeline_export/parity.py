"""The proof of a version: the exported graph and the formula price every row as scikit-learn does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ridgeline.artifact import (
    CATEGORICAL_INPUT,
    NUMERIC_INPUT,
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
        tensors = {NUMERIC_INPUT: numeric, CATEGORICAL_INPUT: categorical}
        feed = {name: tensor for name, tensor in tensors.items() if name in self._inputs}
        return np.asarray(self._session.run([PRICE_OUTPUT], feed)[0], dtype=np.float64).reshape(-1)


def relative_error(price: Prices, expected: Prices) -> Prices:
    """Return |price - expected| / max(1, |expected|), float64[n]; infinite where either is not a number."""
    error = np.abs(price - expected) / np.maximum(1.0, np.abs(expected))
    return np.where(np.isfinite(error), error, np.inf)


def prove(model: OnnxModel, trained: Trained, groups: list[Group], progress: Progress) -> Parity:
    """Compare the graph and the formula with scikit-learn on every row.

    Raises:
        ExportError: some row differs by more than `PARITY_TOLERANCE`; how many and the worst of all is named.
    """
    total, done = sum(group.number.size for group in groups), 0
    graph, formula = _Comparison("the ONNX graph"), _Comparison("the linear form")
    progress("proof", 0, total)
    for part in _parts(groups):
        expected = predict(trained.pipeline, part.numeric, part.categorical)
        graph.add(part, model.predict(part.numeric, part.categorical), expected)
        formula.add(part, formula_prices(trained.form, part.numeric, part.categorical), expected)
        done += part.number.size
        progress("proof", done, total)
    problems = [text for text in (graph.problem(total), formula.problem(total)) if text]
    if problems:
        raise ExportError("; ".join([*problems, "nothing was written"]))
    return Parity(row_count=total, largest_error=graph.largest)


def _parts(groups: list[Group]) -> Iterator[Group]:
    for group in groups:
        for start in range(0, group.number.size, ROWS_PER_CALL):
            rows = slice(start, start + ROWS_PER_CALL)
            yield Group(group.label, group.number[rows], group.numeric[rows], group.categorical[rows])


class _Comparison:
    """What one way of pricing says, beside scikit-learn: the largest error so far, where, and how many."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._differ = 0
        self._worst = ""
        self.largest = 0.0

    def add(self, part: Group, price: Prices, expected: Prices) -> None:
        error = relative_error(price, expected)
        self._differ += int(np.count_nonzero(error > PARITY_TOLERANCE))
        worst = int(np.argmax(error))
        if error[worst] > self.largest:
            self.largest = float(error[worst])
            self._worst = (
                f"{part.label} {part.number[worst]}: relative error {self.largest:.3g} where "
                f"scikit-learn's price is {expected[worst]:.6f}"
            )

    def problem(self, total: int) -> str | None:
        if not self._differ:
            return None
        return (
            f"{self._what} differs from scikit-learn by more than {PARITY_TOLERANCE:g} in {self._differ} of "
            f"{total} rows; worst at {self._worst}"
        )
