"""What a model's linear form says of a record, computed from DescribeModel alone, and answers in sets."""

from __future__ import annotations

import math

from ridgeline.v1 import pricing_service_pb2 as pb

Cell = tuple[int, str]
"""Kind of a notice and the feature it is about, "" for the whole row."""

CELL_KINDS = (
    pb.NOTICE_KIND_IMPUTED,
    pb.NOTICE_KIND_UNKNOWN_CATEGORY,
    pb.NOTICE_KIND_OUT_OF_TRAINING_RANGE,
)


def contributions(model: pb.DescribeModelResponse, record: pb.Record) -> dict[str, float]:
    """Amount by feature of a model that was described in FULL."""
    amounts = {}
    for term in model.linear_form.numeric_terms:
        value = record.numeric.get(term.feature, math.nan)
        used = term.fill if math.isnan(value) else value
        amounts[term.feature] = term.coefficient * (used - term.centre) / term.scale
    for category in model.linear_form.categorical_terms:
        text = record.categorical.get(category.feature, "")
        text = "" if text in model.missing_tokens else text
        amounts[category.feature] = category.amounts.get(text, category.unknown_amount)
    return amounts


def model_price(model: pb.DescribeModelResponse, record: pb.Record) -> float:
    """Base plus contributions, before the guard."""
    return float(model.linear_form.base + sum(contributions(model, record).values()))


def bit(kind: int) -> int:
    """The bit of a notice kind in `flags`."""
    return 1 << (kind - 1)


def kinds(flags: int) -> set[int]:
    """The notice kinds in `flags`."""
    return {kind for kind in pb.NoticeKind.values() if kind and flags & bit(kind)}


def notice_cells(prediction: pb.Prediction) -> list[Cell]:
    """Every notice of a unary answer."""
    return [(n.kind, n.feature) for n in prediction.notices]


def bitmap_cells(answer: pb.PredictionBatch, features: list[str]) -> list[set[Cell]]:
    """Per row the cells that the bitmaps mark, decoded bit by bit; padding must be zero."""
    rows: list[set[Cell]] = [set() for _ in range(answer.row_count)]
    for bitmap in answer.notice_bitmaps:
        size = answer.row_count * len(features)
        assert len(bitmap.bits) == math.ceil(size / 8)
        for at in range(len(bitmap.bits) * 8):
            if bitmap.bits[at // 8] >> (at % 8) & 1:
                assert at < size, "padding is not zero"
                rows[at // len(features)].add((bitmap.kind, features[at % len(features)]))
    return rows
