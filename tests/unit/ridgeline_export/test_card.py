"""What the model card picks out of a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ridgeline.artifact import Manifest, SegmentMetrics
from ridgeline_export.card import Card, effect, notes, read_card, top_features, worst_segments
from support.tables import SCHEMA, export_small, small_frame


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    return read_card(export_small(tmp_path_factory.mktemp("card")))


def segment(value: str, rows: int, rmse: float) -> SegmentMetrics:
    numbers: dict[str, Any] = {"mae": 1.0, "r2": None, "bias": 0.0, "p95_absolute_error": 2.0}
    return SegmentMetrics(feature="brand", value=value, row_count=rows, rmse=rmse, **numbers)


def with_segments(manifest: Manifest, *segments: SegmentMetrics) -> Manifest:
    return manifest.model_copy(update={"segments": segments})


def test_worst_segments_are_ranked_by_rmse_and_tiny_ones_left_out(card: Card) -> None:
    found = worst_segments(
        with_segments(card.manifest, segment("a", 10, 3.0), segment("b", 9, 9.0), segment("c", 50, 4.0))
    )
    assert [part.value for part in found] == ["c", "a"]


def test_top_features_come_strongest_first(card: Card) -> None:
    ranks = [feature.importance_rank for feature in top_features(card.manifest)]
    assert ranks == sorted(ranks) == [1, 2, 3, 4, 5, 6]


def test_effects(card: Card) -> None:
    low, high = effect(card.form, "memory")
    assert -low == high > 20
    low, high = effect(card.form, "brand")
    assert low < 0 < high


def test_an_ordinary_model_has_nothing_to_look_at(card: Card) -> None:
    assert list(notes(card.manifest)) == []


def test_notes_name_what_a_person_should_look_at(tmp_path: Path) -> None:
    frame = small_frame().assign(memory=8.0, weight=np.nan, brand="Acme")
    schema = SCHEMA.replace('unit = "inch"', 'unit = "inch"\nacceptable_missing_rate = 0.01')
    schema = schema.replace("max = 400.0", 'max = 260.0\npolicy = "reject"')
    found = list(notes(read_card(export_small(tmp_path, frame, schema)).manifest))
    assert found[0].startswith("screen_size: 6.2% missing in training, 1.0% is acceptable")
    assert found[1:4] == [
        "memory: always 8.0 in training; it moves no price",
        "brand: always 'Acme' in training; it moves no price",
        "weight: never filled in training; it moves no price",
    ]
    assert "rejected by the guard" in found[4]
