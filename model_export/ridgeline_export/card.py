"""The model card: what a published version is, for a person and for a machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ridgeline.artifact import (
    LINEAR_FILE,
    MANIFEST_FILE,
    ArtifactError,
    Feature,
    LinearForm,
    Manifest,
    SegmentMetrics,
    digest,
    parse,
    version_directories,
)

TOP_FEATURES = 10
WORST_SEGMENTS = 10
FEWEST_ROWS_TO_RANK = 10
"""Segments with fewer holdout rows are not called worst: chance would pick them."""


@dataclass(frozen=True)
class Card:
    """One published version."""

    path: Path
    digest: str
    manifest: Manifest
    form: LinearForm

    def to_json(self) -> dict[str, Any]:
        """Return the card as plain values: path, digest, notes, manifest and linear form."""
        return {
            "path": str(self.path),
            "digest": self.digest,
            "notes": list(notes(self.manifest)),
            "manifest": self.manifest.model_dump(mode="json"),
            "linear": self.form.model_dump(mode="json"),
        }


def read_card(path: Path) -> Card:
    """Read a version directory and check that its files are the ones the manifest was made for.

    Raises:
        ArtifactError: it is no version directory, or files are missing, changed or unreadable.
    """
    stored = _bytes(path, MANIFEST_FILE)
    manifest = parse(Manifest, stored, str(path / MANIFEST_FILE))
    contents = {name: _bytes(path, name) for name in {*manifest.files, LINEAR_FILE}}
    changed = sorted(name for name, sha in manifest.files.items() if digest(contents[name]) != sha)
    if changed:
        raise ArtifactError(
            str(path), [f"{name} is not the file the manifest was made for" for name in changed]
        )
    form = parse(LinearForm, contents[LINEAR_FILE], str(path / LINEAR_FILE))
    return Card(path, digest(stored), manifest, form)


def _bytes(path: Path, name: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except OSError as error:
        hint = f"{name} cannot be read ({error.strerror}); name a version directory such as models/techmart/1"
        if name == MANIFEST_FILE and path.is_dir() and (versions := version_directories(path)):
            hint = f"is a model, not a version; its newest version is {versions[max(versions)]}"
        raise ArtifactError(str(path), [hint]) from None


def top_features(manifest: Manifest) -> list[Feature]:
    """Return the features that move prices most, strongest first."""
    return sorted(manifest.features, key=lambda feature: feature.importance_rank)[:TOP_FEATURES]


def worst_segments(manifest: Manifest) -> list[SegmentMetrics]:
    """Return the segments with the largest RMSE among those with enough holdout rows, worst first."""
    ranked = [segment for segment in manifest.segments if segment.row_count >= FEWEST_ROWS_TO_RANK]
    return sorted(ranked, key=lambda segment: -segment.rmse)[:WORST_SEGMENTS]


def effect(form: LinearForm, name: str) -> tuple[float, float]:
    """Return what a feature adds at its lowest and highest: one standard deviation down and up for a number,
    the cheapest and the dearest category otherwise; in the currency."""
    for term in form.numeric:
        if term.name == name:
            return -abs(term.coefficient), abs(term.coefficient)
    amounts = next(term.amounts.values() for term in form.categorical if term.name == name)
    return min(amounts), max(amounts)


def notes(manifest: Manifest) -> Iterator[str]:
    """Return one sentence for each thing a person should look at."""
    for feature in manifest.features:
        if feature.missing_rate == 1:
            yield f"{feature.name}: never filled in training; it moves no price"
        elif feature.kind == "numeric" and feature.training_min == feature.training_max:
            yield f"{feature.name}: always {feature.training_min} in training; it moves no price"
        elif feature.kind == "categorical" and len(feature.categories) == 1:
            yield f"{feature.name}: always {feature.categories[0].value!r} in training; it moves no price"
        if feature.missing_rate > feature.acceptable_missing_rate:
            rate, acceptable = feature.missing_rate, feature.acceptable_missing_rate
            yield f"{feature.name}: {rate:.1%} missing in training, {acceptable:.1%} is acceptable"
    unpriced = manifest.holdout.row_count - manifest.metrics.row_count
    if unpriced:
        yield f"{unpriced} holdout rows were rejected by the guard and are in no metric"
