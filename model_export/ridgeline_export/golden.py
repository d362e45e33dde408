"""Golden rows: hard cases with scikit-learn's prices, scored again whenever the version is loaded."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ridgeline.artifact import Feature
from ridgeline_export.dataset import Rows
from ridgeline_export.pipeline import Categorical, Numeric

REAL_ROWS = 32
UNSEEN = "a category never seen \N{SNOWMAN}"


@dataclass(frozen=True)
class Golden:
    """numeric float64[g, k], categorical object[g, m]."""

    numeric: Numeric
    categorical: Categorical


def golden_rows(rows: Rows, features: list[Feature]) -> Golden:
    """Choose rows: real ones spread over `rows` and variations of them.

    Each feature missing, each number at both ends of what is valid and of what training saw, each category
    unseen, and all of these at once.
    """
    spread = np.linspace(0, len(rows) - 1, min(REAL_ROWS, len(rows))).astype(np.int64)
    real = rows.take(spread)
    builder = _Builder(real.numeric, real.categorical)
    numeric, categorical = [[f for f in features if f.kind == kind] for kind in ("numeric", "categorical")]
    for j, feature in enumerate(numeric):
        ends = (feature.valid_min, feature.valid_max, feature.training_min, feature.training_max)
        for value in {np.nan, *(end for end in ends if end is not None)}:
            builder.add(numeric={j: value})
    for j, _ in enumerate(categorical):
        builder.add(categorical={j: ""})
        builder.add(categorical={j: UNSEEN})
    every_number, every_category = range(len(numeric)), range(len(categorical))
    builder.add(dict.fromkeys(every_number, np.nan), dict.fromkeys(every_category, ""))
    builder.add(dict.fromkeys(every_number, np.nan), dict.fromkeys(every_category, UNSEEN))
    for end in ("training_min", "training_max", "valid_min", "valid_max"):
        values = [getattr(feature, end) for feature in numeric]
        builder.add(
            {j: v for j, v in enumerate(values) if v is not None}, dict.fromkeys(every_category, UNSEEN)
        )
    return builder.build()


class _Builder:
    """Starts from real rows and adds variations of them in turn."""

    def __init__(self, numeric: Numeric, categorical: Categorical) -> None:
        self._real = list(zip(numeric, categorical, strict=True))
        self._rows = list(self._real)

    def add(self, numeric: dict[int, float] | None = None, categorical: dict[int, str] | None = None) -> None:
        left, right = self._real[len(self._rows) % len(self._real)]
        left, right = left.copy(), right.copy()
        for j, value in (numeric or {}).items():
            left[j] = value
        for j, text in (categorical or {}).items():
            right[j] = text
        self._rows.append((left, right))

    def build(self) -> Golden:
        return Golden(np.array([row[0] for row in self._rows]), np.array([row[1] for row in self._rows]))


def to_npz(golden: Golden, price: npt.NDArray[np.float64]) -> bytes:
    """Serialise to `golden.npz`: numeric, categorical as unicode, price; readable without pickle."""
    buffer = io.BytesIO()
    np.savez(buffer, numeric=golden.numeric, categorical=golden.categorical.astype(np.str_), price=price)
    return buffer.getvalue()
