"""A small hand-made manifest and a version around it, for tests that need no ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ridgeline.artifact import (
    CATEGORICAL_INPUT,
    EFFECTS_OUTPUT,
    NUMERIC_INPUT,
    NUMERIC_OUTPUT,
    CategoricalTerm,
    CategoryShare,
    Fallback,
    FallbackTable,
    Feature,
    Guard,
    Interval,
    LinearForm,
    Manifest,
    Metrics,
    NumericProfile,
    NumericTerm,
    Parity,
    Penalty,
    PriceRange,
    ReferenceProfile,
    Window,
    schema_fingerprint,
)
from ridgeline.guard import GuardRule
from ridgeline_server.domain import CategoricalColumn, Floats, RecordBatch
from ridgeline_server.engine.artifact import Version
from ridgeline_server.engine.cell_notices import imputed_notices
from ridgeline_server.engine.model import Graph
from ridgeline_server.engine.plan import Plan, tabulate
from ridgeline_server.engine.schema import Schema
from ridgeline_server.engine.single import Singles
from ridgeline_server.engine.validator import Validator

FEATURES = (
    Feature(
        name="ram", kind="numeric", unit="GB", valid_min=1, valid_max=128, training_min=2, training_max=64
    ),
    Feature(
        name="brand",
        kind="categorical",
        required=True,
        categories=(CategoryShare(value="Acme", share=0.6), CategoryShare(value="NA", share=0.4)),
    ),
    Feature(name="screen", kind="numeric", unit="inch", training_min=5.1, training_max=17.3),
    Feature(
        name="category",
        kind="categorical",
        categories=(CategoryShare(value="phone", share=0.7), CategoryShare(value="", share=0.3)),
    ),
)

LINEAR = LinearForm(
    base=100.0,
    numeric=(
        NumericTerm(name="ram", fill=8.0, centre=8.0, scale=4.0, coefficient=20.0),
        NumericTerm(name="screen", fill=11.0, centre=11.0, scale=3.0, coefficient=-10.0),
    ),
    categorical=(
        CategoricalTerm(name="brand", amounts={"Acme": 4.0, "NA": -6.0}, unknown_amount=0.0),
        CategoricalTerm(name="category", amounts={"phone": 1.0, "": -2.0}, unknown_amount=-0.5),
    ),
)


def manifest(**changes: Any) -> Manifest:
    """The hand-made manifest, with other values for some fields."""
    metrics = Metrics(row_count=10, rmse=1.0, mae=0.8, r2=0.9, bias=0.0, p95_absolute_error=2.0)
    fields: dict[str, Any] = {
        "name": "toys",
        "version": 3,
        "created": datetime(2026, 1, 2, tzinfo=UTC),
        "target": "price",
        "currency": "EUR",
        "missing_tokens": ("n/a",),
        "features": FEATURES,
        "schema_fingerprint": schema_fingerprint(FEATURES),
        "price_range": PriceRange(min=50.0, max=150.0),
        "guard": Guard(policy="clamp", max_missing_share=0.5),
        "fallback": Fallback(
            overall=90.0,
            tables=(
                FallbackTable(feature="brand", prices={"Acme": 80.0}),
                FallbackTable(feature="category", prices={"phone": 70.0}),
            ),
        ),
        "interval": Interval(level=0.9, half_width=5.0, calibration_rows=10, coverage=0.9, coverage_rows=10),
        "metrics": metrics,
        "penalty": Penalty(value=0.05, convention="sum", alpha=0.05),
        "training": Window(row_count=40),
        "holdout": Window(row_count=20),
        "parity": Parity(row_count=60, largest_error=0.0),
        "files": {},
    }
    return Manifest(**fields | changes)


class FormulaGraph:
    """The graphs of a linear form, in NumPy."""

    def __init__(self, linear: LinearForm = LINEAR) -> None:
        self._linear = linear

    def run(self, output: str, feed: Mapping[str, Any]) -> Floats:
        if output == NUMERIC_OUTPUT:
            price = np.full(len(feed[NUMERIC_INPUT]), self._linear.base)
            for term, column in zip(self._linear.numeric, feed[NUMERIC_INPUT].T, strict=True):
                price += term.coefficient * (column - term.centre) / term.scale
            return price.reshape(-1, 1)
        assert output == EFFECTS_OUTPUT
        return np.array(
            [
                [
                    c.amounts.get(t, c.unknown_amount)
                    for c, t in zip(self._linear.categorical, texts, strict=True)
                ]
                for texts in feed[CATEGORICAL_INPUT]
            ]
        )

    def run_row(self, output: str, name: str, values: Sequence[float]) -> float:
        return float(self.run(output, {name: np.array([values])})[0, 0])


def version(of: Manifest | None = None) -> Version:
    """A served version around a manifest, with the formula in place of the graph."""
    of = of or manifest()
    profile = NumericProfile(name="price", row_count=40, missing_rate=0, mean=90, sd=20, deciles=(1.0,) * 9)
    schema = Schema.of(of)
    rule = GuardRule(of.guard, of.price_range, of.fallback, tuple(schema.categorical), len(of.features))
    formula = plan(schema, FormulaGraph())
    return Version(
        manifest=of,
        digest="d" * 64,
        linear=LINEAR,
        reference=ReferenceProfile(
            numeric=(), categorical=(), correlations=(), target=profile, tier_cut_points=(80.0, 100.0)
        ),
        schema=schema,
        plan=formula,
        validator=Validator(schema),
        guard=rule,
        singles=Singles(of, schema, rule, formula),
        imputed=imputed_notices(schema.features, LINEAR),
    )


def plan(schema: Schema, graph: Graph) -> Plan:
    """A plan that prices with one graph for both parts."""
    return Plan(graph, np.array([term.fill for term in LINEAR.numeric]), *tabulate(schema, graph))


def batch(rows: int, numeric: dict[str, list[float]], **categorical: list[str]) -> RecordBatch:
    """Columns as a caller sends them."""
    matrix = np.array(list(numeric.values()), dtype=np.float64).T.reshape(rows, len(numeric))
    return RecordBatch(rows, list(numeric), matrix, [column(n, v) for n, v in categorical.items()])


def column(name: str, values: list[str]) -> CategoricalColumn:
    """One categorical column, "" = missing."""
    dictionary = sorted(set(values) - {""})
    codes = [dictionary.index(v) + 1 if v else 0 for v in values]
    return CategoricalColumn(name, dictionary, np.array(codes, dtype=np.int32))
