"""One record about which there is nothing to say but what is missing: priced without arrays of one.

On a usual day most single requests are such, and NumPy takes about as long for one row as for a hundred. It
gives up at the first sign of anything else, and then `predictor.predict` answers; where it does answer, it
answers what `predict` would have, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ridgeline.artifact import Manifest
from ridgeline.guard import GuardRule
from ridgeline_server.domain import PlainPrediction
from ridgeline_server.engine.plan import Plan, RowPlan
from ridgeline_server.engine.schema import Schema


@dataclass(frozen=True, slots=True)
class _Limits:
    """Python numbers of a version's arrays: k lower and upper ends of training ranges, k fills, numbers that
    mean missing, places in [f] of required features."""

    low: list[float]
    high: list[float]
    fill: list[float]
    missing: frozenset[float]
    required: frozenset[int]


class Singles:
    """Prices the plain records of one version."""

    def __init__(self, manifest: Manifest, schema: Schema, rule: GuardRule, plan: Plan) -> None:
        self._schema = schema
        self._plan = RowPlan.of(plan)
        self._half, self._range = manifest.interval.half_width, manifest.price_range
        # a row without any value is refused, whatever the guard's policy
        self._most_missing = min(rule.most_missing, len(schema.features) - 1)
        low, high = schema.bounds.training()
        self._limits = _Limits(
            low.tolist(),
            high.tolist(),
            plan.fill.tolist(),
            frozenset(schema.missing_numbers.tolist()),
            frozenset(np.flatnonzero(schema.required).tolist()),
        )

    def price(self, numbers: Sequence[float], texts: Sequence[str]) -> PlainPrediction | None:
        """Price a record: k numbers, NaN = missing, and m texts, "" = missing, in tensor order.

        Returns:
            The answer; None when there is more to say than what is missing.
        """
        filled = self._filled(numbers)
        levels = [known.get(text, -1) for known, text in zip(self._schema.levels, texts, strict=True)]
        if filled is None or -1 in levels:
            return None
        values, gaps = filled
        k = len(values)
        gaps += [k + at for at, level in enumerate(levels) if not level]
        if len(gaps) > self._most_missing or not self._limits.required.isdisjoint(gaps):
            return None
        sane = self._range
        price = self._plan.model_price(values, levels)
        if not sane.min <= price <= sane.max:
            return None
        lower = min(max(price - self._half, sane.min), sane.max)
        upper = min(max(price + self._half, sane.min), sane.max)
        return PlainPrediction(price, lower, upper, gaps, values, texts)

    def _filled(self, numbers: Sequence[float]) -> tuple[list[float], list[int]] | None:
        """The numbers with their gaps filled, and where those are; None when one is not inside its range."""
        limits, values = self._limits, list(numbers)
        low, high = limits.low, limits.high
        gaps = [at for at, x in enumerate(values) if not low[at] <= x <= high[at]]
        for at in gaps:
            if values[at] == values[at]:
                return None
            values[at] = limits.fill[at]
        if limits.missing and not limits.missing.isdisjoint(values):
            return None
        return values, gaps
