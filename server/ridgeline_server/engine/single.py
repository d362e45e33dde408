"""One record whose price is the model's own: priced without arrays of one.

Most single requests are such, and NumPy takes about as long for one row as for a hundred. What must be
refused, and what the guard must act on, is left to `predictor.predict`; where this answers, it answers what
`predict` would have, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ridgeline import missing
from ridgeline.artifact import Manifest
from ridgeline.guard import GuardRule
from ridgeline.notices import NoticeKind
from ridgeline_server.domain import PlainPrediction
from ridgeline_server.engine.plan import Plan, RowPlan
from ridgeline_server.engine.schema import Schema

_IMPUTED, _UNKNOWN = NoticeKind.IMPUTED.bit, NoticeKind.UNKNOWN_CATEGORY.bit
_OUTSIDE = NoticeKind.OUT_OF_TRAINING_RANGE.bit
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class _Limits:
    """Python numbers of a version's arrays: k lower and upper ends of training ranges and of valid finite
    numbers, k fills, numbers that mean missing, places in [f] of required features."""

    low: list[float]
    high: list[float]
    lowest: list[float]
    highest: list[float]
    fill: list[float]
    missing: frozenset[float]
    required: frozenset[int]

    @classmethod
    def of(cls, schema: Schema, plan: Plan) -> _Limits:
        low, high = schema.bounds.training()
        return cls(
            low.tolist(),
            high.tolist(),
            np.maximum(schema.bounds.valid_min, -_LARGEST).tolist(),
            np.minimum(schema.bounds.valid_max, _LARGEST).tolist(),
            plan.fill.tolist(),
            frozenset(schema.missing_numbers.tolist()),
            frozenset(np.flatnonzero(schema.required).tolist()),
        )


class Singles:
    """Prices single records of one version."""

    def __init__(self, manifest: Manifest, schema: Schema, rule: GuardRule, plan: Plan) -> None:
        self._schema = schema
        self._plan = RowPlan.of(plan)
        self._half, self._range = manifest.interval.half_width, manifest.price_range
        # a row without any value is refused, whatever the guard's policy
        self._most_missing = min(rule.most_missing, len(schema.features) - 1)
        self._limits = _Limits.of(schema, plan)

    def price(self, numbers: Sequence[float], texts: Sequence[str]) -> PlainPrediction | None:
        """Price a record: k numbers, NaN = missing, and m texts, "" = missing, in tensor order.

        Returns:
            The answer; None when the record may have to be refused, or the guard may have to act.
        """
        read = self._filled(numbers)
        if read is None:
            return None
        values, gaps, outside = read
        texts, levels, unseen = self._leveled(texts)
        k = len(values)
        gaps += [k + at for at, level in enumerate(levels) if not level]
        unknown = [k + at for at in unseen]
        if len(gaps) > self._most_missing or not self._limits.required.isdisjoint(gaps):
            return None
        price, sane = self._plan.model_price(values, levels), self._range
        if not sane.min <= price <= sane.max:
            return None
        lower = min(max(price - self._half, sane.min), sane.max)
        upper = min(max(price + self._half, sane.min), sane.max)
        flags = (_IMPUTED if gaps else 0) | (_UNKNOWN if unknown else 0) | (_OUTSIDE if outside else 0)
        return PlainPrediction(price, lower, upper, flags, gaps, unknown, outside, values, texts)

    def _filled(self, numbers: Sequence[float]) -> tuple[list[float], list[int], list[int]] | None:
        """The numbers with their gaps filled, where those are and where numbers outside training are; None
        when one is not valid."""
        limits, values = self._limits, list(numbers)
        low, high = limits.low, limits.high
        odd = [at for at, x in enumerate(values) if not low[at] <= x <= high[at]]
        if limits.missing and not limits.missing.isdisjoint(values):
            return None
        gaps = [at for at in odd if values[at] != values[at]]
        outside = [at for at in odd if values[at] == values[at]]
        if not all(limits.lowest[at] <= values[at] <= limits.highest[at] for at in outside):
            return None
        for at in gaps:
            values[at] = limits.fill[at]
        return values, gaps, outside

    def _leveled(self, texts: Sequence[str]) -> tuple[Sequence[str], list[int], list[int]]:
        """The texts by the missing rule, the level of each, and where training has not seen one."""
        known, tokens = self._schema.levels, self._schema.missing_tokens
        levels = [places.get(text, -1) for places, text in zip(known, texts, strict=True)]
        if -1 not in levels:
            return texts, levels, []
        # the rule leaves what training has seen as it is
        texts = [missing.category(text, tokens) for text in texts]
        levels = [places.get(text, len(places)) for places, text in zip(known, texts, strict=True)]
        return texts, levels, [at for at, level in enumerate(levels) if level == len(known[at])]
