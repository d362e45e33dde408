"""One way from rows to guarded prices, the same for one row and for ten thousand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ridgeline import guard
from ridgeline.notices import NoticeKind
from ridgeline_server.domain import (
    CheckedBatch,
    Explanation,
    Floats,
    Ints,
    Places,
    PredictionBatch,
    PredictOptions,
    RecordBatch,
)
from ridgeline_server.engine.artifact import Version
from ridgeline_server.engine.linear import contributions

_BITS = np.array(
    [0] + [NoticeKind[action.name].bit for action in guard.Action if action is not guard.Action.NONE],
    dtype=np.int32,
)
_NO_INTERVAL = int(_BITS.sum())  # the guard did something


def predict(version: Version, batch: RecordBatch, options: PredictOptions) -> PredictionBatch:
    """Check, price and guard n rows. Gaps of `batch.numeric` may be filled in place.

    Raises:
        PreconditionFailed: the caller's schema fingerprint is not the version's.
        InvalidInput: something is wrong that no row can be blamed for.
    """
    checked = version.validator.check(batch, options)
    refused = checked.refused
    if not batch.row_count or (refused is not None and refused.all()):
        model_price = np.full(batch.row_count, math.nan)
    else:
        model_price = version.plan.model_prices(checked.numeric, _gaps(checked), checked.categories)
    if refused is not None:
        model_price[refused] = math.nan
    price, actions = guard.apply(version.guard, model_price, checked.missing_count, checked.categories.texts)
    flags: Ints = _BITS[actions]
    if refused is not None:
        price[refused] = math.nan
        flags[refused] = NoticeKind.ROW_ERROR.bit
    lower, upper = _interval(version, model_price, flags)
    _mark(checked, flags)
    return PredictionBatch(price, model_price, lower, upper, flags, checked)


def _gaps(checked: CheckedBatch) -> Places:
    """Places of missing numbers in [n, k]."""
    k, m = checked.numeric.shape[1], len(checked.categories.entries)
    imputed = checked.cells.imputed
    if not (m and len(imputed)):
        return imputed
    rows, features = np.divmod(imputed, k + m)
    numeric = features < k
    places: Places = rows[numeric] * k + features[numeric]
    return places


def _interval(version: Version, model_price: Floats, flags: Ints) -> tuple[Floats, Floats]:
    half, sane = version.manifest.interval.half_width, version.manifest.price_range
    lower = np.minimum(np.maximum(model_price - half, sane.min), sane.max)
    upper = np.minimum(np.maximum(model_price + half, sane.min), sane.max)
    acted = flags & _NO_INTERVAL
    if np.count_nonzero(acted):
        lower[acted != 0] = upper[acted != 0] = math.nan
    return lower, upper


def _mark(checked: CheckedBatch, flags: Ints) -> None:
    width = checked.numeric.shape[1] + len(checked.categories.entries)
    for kind, places in checked.cells.items():
        if len(places):
            flags[places // width] |= kind.bit
    for _, rows in checked.ignored:
        at = slice(None) if rows is None else np.asarray(rows, dtype=np.intp)
        flags[at] |= NoticeKind.FEATURE_IGNORED.bit


def explain(version: Version, numeric: Floats | Sequence[float], texts: Sequence[str]) -> Explanation:
    """Say what each feature adds to a row's model price: k numbers, NaN = missing, and m texts in tensor
    order. Exact to 1e-6: the model is linear."""
    amounts = contributions(version.linear, numeric, texts)
    ordered = tuple((f.name, amounts[f.name]) for f in version.manifest.features)
    return Explanation(version.linear.base, ordered)
