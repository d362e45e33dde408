"""A manifest's features as arrays, made once per version."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ridgeline.artifact import Feature, Manifest
from ridgeline.missing import missing_numbers
from ridgeline_server.domain import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of the k numeric features: four float64 arrays [k], infinite where there is none.

    The training range lies inside the valid range; a feature that training never saw has
    training_min = inf and training_max = -inf, so that every value is outside.
    """

    valid_min: Floats
    valid_max: Floats
    training_min: Floats
    training_max: Floats

    def single_precision(self) -> Bounds:
        """The bounds a caller who sends float32 can hit exactly; an infinite float32 is beyond them."""
        return Bounds(*(_rounded_to_float32(bound) for bound in self.arrays()))

    def arrays(self) -> tuple[Floats, Floats, Floats, Floats]:
        """The four arrays in the order of the attributes."""
        return (self.valid_min, self.valid_max, self.training_min, self.training_max)


@dataclass(frozen=True, slots=True)
class Schema:
    """Features in tensor order (numeric first) with the positions of their names.

    Attributes:
        features: f features, numeric ones first.
        numeric, categorical: position of each name within its tensor.
        required: bool [f].
        model_order: int32 [f]: position in tensor order of each feature in the model's order.
        bounds, bounds32: bounds for values sent as double and as float.
        known: per categorical feature the categories seen in training, missing left out.
        unseen: a text that is no known category of any feature.
        missing_tokens: category texts that count as missing.
        missing_numbers: float64, numbers that count as missing.
        fingerprint: the schema's fingerprint.
    """

    features: tuple[Feature, ...]
    numeric: dict[str, int]
    categorical: dict[str, int]
    required: Bools
    model_order: Ints
    bounds: Bounds
    bounds32: Bounds
    known: tuple[frozenset[str], ...]
    unseen: str
    missing_tokens: frozenset[str]
    missing_numbers: Floats
    fingerprint: str

    def position(self, name: str) -> int:
        """Position of a feature in tensor order. Raises KeyError."""
        if name in self.numeric:
            return self.numeric[name]
        return len(self.numeric) + self.categorical[name]

    @classmethod
    def of(cls, manifest: Manifest) -> Schema:
        """Read the features of a manifest."""
        features = manifest.numeric + manifest.categorical
        position = {f.name: i for i, f in enumerate(features)}
        bounds = _bounds(manifest.numeric)
        known = [frozenset(c.value for c in f.categories if c.value) for f in manifest.categorical]
        return cls(
            features=features,
            numeric={f.name: i for i, f in enumerate(manifest.numeric)},
            categorical={f.name: i for i, f in enumerate(manifest.categorical)},
            required=np.array([f.required for f in features], dtype=bool),
            model_order=np.array([position[f.name] for f in manifest.features], dtype=np.int32),
            bounds=bounds,
            bounds32=bounds.single_precision(),
            known=tuple(known),
            unseen=_text_outside(frozenset().union(*known)),
            missing_tokens=frozenset(manifest.missing_tokens),
            missing_numbers=np.array(sorted(missing_numbers(manifest.missing_tokens)), dtype=np.float64),
            fingerprint=manifest.schema_fingerprint,
        )


def _rounded_to_float32(bound: Floats) -> Floats:
    largest = float(np.finfo(np.float32).max)
    finite = np.where(np.isfinite(bound), np.clip(bound, -largest, largest), bound)
    return finite.astype(np.float32).astype(np.float64)


def _text_outside(texts: frozenset[str]) -> str:
    candidate = "\x01"
    while candidate in texts:
        candidate += "\x01"
    return candidate


def _bounds(features: tuple[Feature, ...]) -> Bounds:
    def array(values: list[float | None], absent: float) -> Floats:
        return np.array([absent if v is None else v for v in values], dtype=np.float64)

    valid_min = array([f.valid_min for f in features], -np.inf)
    valid_max = array([f.valid_max for f in features], np.inf)
    return Bounds(
        valid_min=valid_min,
        valid_max=valid_max,
        training_min=np.maximum(valid_min, array([f.training_min for f in features], np.inf)),
        training_max=np.minimum(valid_max, array([f.training_max for f in features], -np.inf)),
    )
