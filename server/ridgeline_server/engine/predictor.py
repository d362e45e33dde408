"""One way from rows to guarded prices, the same for one row and for ten thousand."""

from __future__ import annotations

import math

import numpy as np

from ridgeline import guard
from ridgeline.notices import NoticeKind
from ridgeline_server.domain import (
    Bools,
    CheckedBatch,
    Explanation,
    Floats,
    Ints,
    PredictionBatch,
    PredictOptions,
    RecordBatch,
    Strings,
)
from ridgeline_server.engine.artifact import Version
from ridgeline_server.engine.linear import contributions

_BITS = np.array(
    [0] + [NoticeKind[action.name].bit for action in guard.Action if action is not guard.Action.NONE],
    dtype=np.int32,
)
_NO_INTERVAL = NoticeKind.CLAMPED_LOW.bit | NoticeKind.CLAMPED_HIGH.bit | NoticeKind.FALLBACK.bit


def predict(version: Version, batch: RecordBatch, options: PredictOptions) -> PredictionBatch:
    """Check, price and guard n rows.

    Raises:
        PreconditionFailed: the caller's schema fingerprint is not the version's.
        InvalidInput: something is wrong that no row can be blamed for.
    """
    checked = version.validator.check(batch, options)
    if checked.refused.all():
        model_price = np.full(batch.row_count, np.nan)
    else:
        categorical = _model_text(checked, version.schema.unseen)
        model_price = version.model.run(checked.numeric, categorical)
    if checked.refused.any():
        model_price = np.where(checked.refused, np.nan, model_price)
    missing_count = np.count_nonzero(checked.cells.imputed, axis=1)
    price, actions = guard.apply(version.guard, model_price, missing_count, checked.categorical)
    flags = _BITS[actions]
    if checked.refused.any():
        price = np.where(checked.refused, np.nan, price)
        flags[checked.refused] = NoticeKind.ROW_ERROR.bit
    lower, upper = _interval(version, model_price, flags)
    _mark(checked, flags)
    return PredictionBatch(price, model_price, lower, upper, flags, checked)


def _model_text(checked: CheckedBatch, unseen: str) -> Strings:
    """What the model is told: every unseen category is one text, so that no stranger's text reaches native
    code, where a NUL byte would cut it short and make it another category."""
    unknown = checked.cells.unknown[:, checked.numeric.shape[1] :]
    if not (unknown.any() or checked.refused.any()):
        return checked.categorical
    return np.where(unknown | checked.refused[:, np.newaxis], unseen, checked.categorical)


def _interval(version: Version, model_price: Floats, flags: Ints) -> tuple[Floats, Floats]:
    half, sane = version.manifest.interval.half_width, version.manifest.price_range
    lower = np.clip(model_price - half, sane.min, sane.max)
    upper = np.clip(model_price + half, sane.min, sane.max)
    none: Bools = (flags & (_NO_INTERVAL | NoticeKind.REJECTED.bit)) != 0
    if none.any():
        lower[none] = upper[none] = math.nan
    return lower, upper


def _mark(checked: CheckedBatch, flags: Ints) -> None:
    for kind, cells in checked.cells.items():
        flags[cells.any(axis=1)] |= kind.bit
    for _, rows in checked.ignored:
        at = slice(None) if rows is None else np.asarray(rows, dtype=np.int64)
        flags[at] |= NoticeKind.FEATURE_IGNORED.bit


def explain(version: Version, checked: CheckedBatch, row: int = 0) -> Explanation:
    """Say what each feature adds to one row's model price. Exact to 1e-6: the model is linear."""
    amounts = contributions(version.linear, checked.numeric[row], checked.categorical[row])
    ordered = tuple((f.name, amounts[f.name]) for f in version.manifest.features)
    return Explanation(version.linear.base, ordered)
