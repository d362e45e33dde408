"""The proof of a version before it may serve: golden rows, priced in every way there is."""

from __future__ import annotations

import io

import numpy as np

from ridgeline.artifact import GOLDEN_FILE, LINEAR_FILE, MODEL_FILE, PARITY_TOLERANCE, LinearForm
from ridgeline_server.domain import Categories, Floats
from ridgeline_server.engine.categories import of_texts
from ridgeline_server.engine.graphs import Graphs
from ridgeline_server.engine.linear import linear_prices
from ridgeline_server.engine.plan import Plan, RowPlan
from ridgeline_server.engine.schema import Schema


def golden_problems(
    content: bytes, schema: Schema, graphs: Graphs, linear: LinearForm, plan: Plan
) -> list[str]:
    """Score the rows of golden.npz with the graph, the formula and the plan, which must agree with the graph
    in every bit, for all rows at once and for each alone; whatever goes wrong is a problem."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as golden:
            numeric = np.ascontiguousarray(golden["numeric"], dtype=np.float64)
            categorical = golden["categorical"].astype(object)
            expected = golden["price"].astype(np.float64).reshape(-1)
        rows = len(expected)
        shapes = ((rows, len(schema.numeric)), (rows, len(schema.categorical)))
        if not rows or (numeric.shape, categorical.shape) != shapes:
            return [f"{GOLDEN_FILE} has no rows, or not those of this model: nothing proves it"]
        graph = graphs.prices(numeric, categorical)
        formula = linear_prices(linear, numeric, categorical)
        gaps = np.flatnonzero(np.isnan(numeric))
        categories = of_texts(schema, categorical)
        served = plan.model_prices(numeric, gaps, categories)
        alone = _one_by_one(plan, numeric, categories)
    except Exception as error:  # noqa: BLE001  # of NumPy, zipfile or onnxruntime: not fit to serve
        return [f"{GOLDEN_FILE} cannot be scored: {error}"]
    return [
        *_differences("the graph", graph, expected),
        *_differences(LINEAR_FILE, formula, expected),
        *_differences(f"{MODEL_FILE} in parts", served, graph, tolerance=0.0),
        *_differences(f"{MODEL_FILE} in parts, row by row,", alone, graph, tolerance=0.0),
    ]


def _one_by_one(plan: Plan, filled: Floats, categories: Categories) -> Floats:
    one = RowPlan.of(plan)
    rows = zip(filled.tolist(), categories.levels.T.tolist(), strict=True)
    return np.array([one.model_price(numbers, levels) for numbers, levels in rows])


def _differences(
    what: str, price: Floats, expected: Floats, tolerance: float = PARITY_TOLERANCE
) -> list[str]:
    wrong = ~(np.abs(price - expected) <= tolerance * np.maximum(1.0, np.abs(expected)))
    if not wrong.any():
        return []
    row = int(np.flatnonzero(wrong)[0])
    count = f"{what} prices {wrong.sum()} of {len(expected)} golden rows wrong"
    return [f"{count}, first row {row}: {float(price[row])!r} instead of {float(expected[row])!r}"]
