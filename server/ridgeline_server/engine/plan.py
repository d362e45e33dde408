"""How a version prices: gaps filled, one product of the numbers in onnxruntime, and what each category adds
looked up in a table.

The table holds what the model's own graph says of every category, so the price is the graph's, bit for bit,
for one row as for ten thousand, and no text of a caller reaches native code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ridgeline.artifact import CATEGORICAL_INPUT, EFFECTS_OUTPUT, NUMERIC_INPUT, NUMERIC_OUTPUT
from ridgeline_server.domain import Categories, Floats, Ints, Places, Strings
from ridgeline_server.engine.model import Graph
from ridgeline_server.engine.schema import Schema


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that prices a row.

    Attributes:
        numbers: the graph of the numeric part; None for a model without numeric features.
        fill: float64 [k], what stands in for a missing number.
        effects: float64, what each level of each categorical feature adds, one feature after the other.
        first: int32 [m, 1], where each feature's levels begin in `effects`.
    """

    numbers: Graph | None
    fill: Floats
    effects: Floats
    first: Ints

    def model_prices(self, numeric: Floats, gaps: Places, categories: Categories) -> Floats:
        """Price n rows.

        Args:
            numeric: float64 [n, k], contiguous; its gaps are filled in place.
            gaps: places in [n, k] of missing numbers.
            categories: the categorical cells.

        Returns:
            float64 [n].
        """
        if self.numbers:
            if len(gaps):
                numeric.reshape(-1)[gaps] = self.fill[gaps % len(self.fill)]
            price = self.numbers.run(NUMERIC_OUTPUT, {NUMERIC_INPUT: numeric}).reshape(-1)
        else:
            price = np.zeros(len(numeric))
        if len(self.first):
            for added in self.effects[categories.levels + self.first]:
                price = price + added
        return price


@dataclass(frozen=True, slots=True)
class RowPlan:
    """A plan for one row at a time, in Python numbers: what `Plan.model_prices` says, in the same bits."""

    numbers: Graph | None
    effects: tuple[list[float], ...]

    @classmethod
    def of(cls, plan: Plan) -> RowPlan:
        """The same plan."""
        starts = plan.first.reshape(-1)
        parts = np.split(plan.effects, starts[1:]) if len(starts) else []
        return cls(plan.numbers, tuple(part.tolist() for part in parts))

    def model_price(self, numeric: Sequence[float], levels: Sequence[int]) -> float:
        """Price a row: k numbers without gaps, and the level of each of m categorical features."""
        price = self.numbers.run_row(NUMERIC_OUTPUT, NUMERIC_INPUT, numeric) if self.numbers else 0.0
        for effects, level in zip(self.effects, levels, strict=True):
            price += effects[level]
        return price


def tabulate(schema: Schema, graph: Graph) -> tuple[Floats, Ints]:
    """Ask a model's whole graph what each level adds; returns `effects` and `first` of a `Plan`."""
    sizes = [len(levels) + 1 for levels in schema.levels]
    first = np.cumsum([0, *sizes[:-1]], dtype=np.int32).reshape(-1, 1)[: len(sizes)]
    if not sizes:
        return np.empty(0), first
    columns = [_all_levels(levels, max(sizes)) for levels in schema.levels]
    feed: dict[str, Floats | Strings] = {CATEGORICAL_INPUT: np.stack(columns, axis=1)}
    if schema.numeric:
        feed[NUMERIC_INPUT] = np.zeros((max(sizes), len(schema.numeric)))
    added = graph.run(EFFECTS_OUTPUT, feed)
    return np.concatenate([added[:size, j] for j, size in enumerate(sizes)]), first


def _all_levels(levels: dict[str, int], rows: int) -> Strings:
    """Every level of a feature in the order of their places, an unseen text last and to fill up."""
    unseen = "\x01"
    while unseen in levels:
        unseen += "\x01"
    return np.array([*levels, *[unseen] * (rows - len(levels))], dtype=object)
