"""What a person should know about one row, in sentences; what a batch should know, in counts and bitmaps."""

from __future__ import annotations

import math

import numpy as np

from ridgeline.notices import NoticeKind
from ridgeline_server.domain import Notice, PlainPrediction, PredictionBatch
from ridgeline_server.engine.artifact import Version
from ridgeline_server.engine.cell_notices import outside_notice, unknown_notice

_ROW_KINDS = (
    NoticeKind.CLAMPED_LOW,
    NoticeKind.CLAMPED_HIGH,
    NoticeKind.FALLBACK,
    NoticeKind.REJECTED,
    NoticeKind.ROW_ERROR,
)

_GUARD_BITS = sum(kind.bit for kind in _ROW_KINDS)


def row_notices(version: Version, answer: PredictionBatch, row: int = 0) -> list[Notice]:
    """Every notice of one row: first what the guard did, then feature by feature in tensor order."""
    flags = int(answer.flags[row])
    if not flags:
        return []
    notices = _guard_notices(version, answer, row) if flags & _GUARD_BITS else []
    width = len(version.schema.features)
    for kind, places in answer.checked.cells.items():
        if len(places):
            features = np.sort(places[places // width == row] % width).tolist()
            if kind is NoticeKind.IMPUTED:
                notices += [version.imputed[at] for at in features]
            else:
                notices += [_cell_notice(version, answer, row, kind, at) for at in features]
    for name, rows in answer.checked.ignored:
        if rows is None or row in rows:
            message = f"{name!r} is not a feature of this model and was ignored, as asked"
            notices.append(Notice(NoticeKind.FEATURE_IGNORED, message, name))
    return notices


def _guard_notices(version: Version, answer: PredictionBatch, row: int) -> list[Notice]:
    model_price, price = float(answer.model_price[row]), float(answer.price[row])
    cause = _cause(version, answer, row)
    text = {
        NoticeKind.CLAMPED_LOW: f"{cause}: the lower end is used",
        NoticeKind.CLAMPED_HIGH: f"{cause}: the upper end is used",
        NoticeKind.FALLBACK: f"{cause}: a safe default is used",
        NoticeKind.REJECTED: f"{cause}: there is no price, by policy",
    }
    received, used = repr(model_price), repr(price)
    return [
        Notice(kind, text[kind], received=received, used=used)
        for kind in text
        if answer.flags[row] & kind.bit
    ]


def _cause(version: Version, answer: PredictionBatch, row: int) -> str:
    missing = int(answer.checked.missing_count[row])
    if missing > version.guard.most_missing:
        return f"{missing} of {version.guard.feature_count} features are missing"
    model_price = float(answer.model_price[row])
    if math.isnan(model_price):
        return "the model price is not a number"
    sane, currency = version.manifest.price_range, version.manifest.currency
    return f"the model price {model_price!r} {currency} is outside {sane.min:.15g} to {sane.max:.15g}"


def _cell_notice(version: Version, answer: PredictionBatch, row: int, kind: NoticeKind, at: int) -> Notice:
    feature, width = version.schema.features[at], len(version.schema.numeric)
    if kind is NoticeKind.UNKNOWN_CATEGORY:
        return unknown_notice(feature, answer.checked.categories.text(row, at - width))
    return outside_notice(feature, float(answer.checked.numeric[row, at]))


def unseen_notices(version: Version, answer: PlainPrediction) -> list[Notice]:
    """The notices of one record that are not about what is missing, in the order of `row_notices`."""
    features, width = version.schema.features, len(version.schema.numeric)
    return [
        *(unknown_notice(features[at], answer.texts[at - width]) for at in answer.unknown),
        *(outside_notice(features[at], answer.numbers[at]) for at in answer.outside),
    ]


def notice_counts(version: Version, answer: PredictionBatch) -> list[tuple[NoticeKind, str, int]]:
    """Rows by kind and feature ("" for the whole row), only those above zero, features in tensor order."""
    counts: list[tuple[NoticeKind, str, int]] = []
    for kind in _ROW_KINDS:
        rows = int(np.count_nonzero(answer.flags & kind.bit))
        if rows:
            counts.append((kind, "", rows))
    features = version.schema.features
    for kind, places in answer.checked.cells.items():
        if len(places):
            by_feature = np.bincount(places % len(features)).tolist()
            counts += [(kind, features[at].name, rows) for at, rows in enumerate(by_feature) if rows]
    for name, rows_ in answer.checked.ignored:
        sent = len(answer.flags) if rows_ is None else len(rows_)
        if sent:
            counts.append((NoticeKind.FEATURE_IGNORED, name, sent))
    return counts


def notice_bitmaps(version: Version, answer: PredictionBatch) -> list[tuple[NoticeKind, bytes]]:
    """One bitmap [n, f] per kind of cell notice: row-major, features in the model's order, low bit first."""
    rows, order = len(answer.flags), version.schema.model_order
    bitmaps = []
    for kind, places in answer.checked.cells.items():
        cells = np.zeros(rows * len(order), dtype=bool)
        cells[places] = True
        ordered = cells.reshape(rows, len(order))[:, order]
        bitmaps.append((kind, np.packbits(ordered, bitorder="little").tobytes()))
    return bitmaps
