"""A manifest's features as arrays, made once per version."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ridgeline.artifact import Feature, Manifest
from ridgeline.missing import category, missing_numbers
from ridgeline_server.domain import Bools, Floats, Ints, Places

_TILE_CELLS = 80_000


class Bounds:
    """Bounds of the k numeric features: float64 arrays [k], infinite where there is none.

    The training range lies inside the valid range; a feature that training never saw has
    training_min = inf and training_max = -inf, so that every value is outside.
    """

    def __init__(
        self, valid_min: Floats, valid_max: Floats, training_min: Floats, training_max: Floats
    ) -> None:
        self.valid_min = valid_min
        self.valid_max = valid_max
        # NumPy compares two whole blocks nearly three times as fast as each row with one array of bounds.
        self._rows = max(1, _TILE_CELLS // max(1, len(training_min)))
        self._training_min = np.tile(training_min, (self._rows, 1))
        self._training_max = np.tile(training_max, (self._rows, 1))

    def odd(self, numeric: Floats) -> Places:
        """Places in [n, k], ascending, of what is not inside the training range: NaN, for one."""
        n, k = numeric.shape
        found = []
        for start in range(0, n, self._rows):
            block = numeric[start : start + self._rows]
            inside = block >= self._training_min[: len(block)]
            inside &= block <= self._training_max[: len(block)]
            found.append(np.flatnonzero(np.logical_not(inside, out=inside)) + start * k)
        return found[0] if len(found) == 1 else np.concatenate(found or [np.empty(0, dtype=np.intp)])

    def training(self) -> tuple[Floats, Floats]:
        """Lower and upper ends of the training ranges, two arrays [k]."""
        return self._training_min[0], self._training_max[0]

    def single_precision(self) -> Bounds:
        """The bounds a caller who sends float32 can hit exactly; an infinite float32 is beyond them."""
        bounds = (self.valid_min, self.valid_max, *self.training())
        return Bounds(*(_rounded_to_float32(bound) for bound in bounds))


@dataclass(frozen=True, slots=True)
class Schema:
    """Features in tensor order (numeric first) with the positions of their names.

    Attributes:
        features: f features, numeric ones first.
        numeric, categorical: position of each name within its tensor.
        numeric_names, categorical_names: the names in order.
        required: bool [f].
        model_order: int32 [f]: position in tensor order of each feature in the model's order.
        bounds, bounds32: bounds for values sent as double and as float.
        levels: per categorical feature a place for each category seen in training, as the missing rule writes
            it, from 1; "", missing, has place 0, and `unseen` of the feature is the place of all others.
        unseen: int32 [m, 1].
        missing_tokens: category texts that count as missing.
        missing_numbers: float64, numbers that count as missing.
        fingerprint: the schema's fingerprint.
    """

    features: tuple[Feature, ...]
    numeric: dict[str, int]
    categorical: dict[str, int]
    numeric_names: list[str]
    categorical_names: list[str]
    required: Bools
    model_order: Ints
    bounds: Bounds
    bounds32: Bounds
    levels: tuple[dict[str, int], ...]
    unseen: Ints
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
        tokens = frozenset(manifest.missing_tokens)
        known = [
            dict.fromkeys(c.value for c in f.categories if c.value and category(c.value, tokens) == c.value)
            for f in manifest.categorical
        ]
        levels = [{text: place for place, text in enumerate(["", *texts])} for texts in known]
        return cls(
            features=features,
            numeric={f.name: i for i, f in enumerate(manifest.numeric)},
            categorical={f.name: i for i, f in enumerate(manifest.categorical)},
            numeric_names=[f.name for f in manifest.numeric],
            categorical_names=[f.name for f in manifest.categorical],
            required=np.array([f.required for f in features], dtype=bool),
            model_order=np.array([position[f.name] for f in manifest.features], dtype=np.int32),
            bounds=bounds,
            bounds32=bounds.single_precision(),
            levels=tuple(levels),
            unseen=np.array([len(places) for places in levels], dtype=np.int32).reshape(-1, 1),
            missing_tokens=tokens,
            missing_numbers=np.array(sorted(missing_numbers(manifest.missing_tokens)), dtype=np.float64),
            fingerprint=manifest.schema_fingerprint,
        )


def _rounded_to_float32(bound: Floats) -> Floats:
    largest = float(np.finfo(np.float32).max)
    finite = np.where(np.isfinite(bound), np.clip(bound, -largest, largest), bound)
    return finite.astype(np.float32).astype(np.float64)


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
