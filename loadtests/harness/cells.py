"""Values of one feature for a load test: what training saw, what it did not, what must be refused."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ridgeline import missing
from ridgeline_client.description import Feature

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]

MISSING_CODE = 0
UNSEEN_TEXTS = 20
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Categories of a feature.

    Attributes:
        texts: the known ones first, then UNSEEN_TEXTS that training has not seen.
        known_shares: float64, one per known category: its share of the training rows that have one,
            cumulated up to 1.
    """

    texts: list[str]
    known_shares: Floats

    @classmethod
    def of(cls, feature: Feature, tokens: Collection[str]) -> Dictionary:
        """Read a feature's categories; those that count as missing are left out."""
        known = [c for c in feature.categories if missing.category(c.value, tokens)]
        shares = np.cumsum([category.share for category in known])
        taken = {category.value for category in known} | set(tokens)
        candidates = (f"unseen {number}" for number in range(UNSEEN_TEXTS + len(taken)))
        unseen = [text for text in candidates if text not in taken][:UNSEEN_TEXTS]
        return cls([c.value for c in known] + unseen, shares / shares[-1] if known else shares)

    def codes(self, count: int, unseen_share: float, rng: np.random.Generator) -> Codes:
        """Draw codes int32[count], none missing: i is texts[i - 1]."""
        known = len(self.known_shares)
        codes = np.searchsorted(self.known_shares, rng.random(count), side="right") + 1
        unseen = (rng.random(count) < unseen_share) | (codes > known)
        codes[unseen] = known + 1 + rng.integers(UNSEEN_TEXTS, size=int(unseen.sum()))
        return codes.astype(np.int32)


def numbers(feature: Feature, count: int, outside_share: float, rng: np.random.Generator) -> Floats:
    """Draw valid numbers float64[count], a share of them outside the training range where that is valid."""
    low, high = _usual_range(feature)
    at = rng.random(count)
    column = np.clip(low * (1 - at) + high * at, low, high)
    reach = max(high - low, 1.0) / 4
    lowest = max(_or(feature.valid_min, -_LARGEST), low - reach)
    highest = min(_or(feature.valid_max, _LARGEST), high + reach)
    outside = rng.random(count) < outside_share
    above = (highest > high) & ((lowest == low) | (rng.random(count) < 0.5))
    column = np.where(outside & above, highest - at * (highest - high), column)
    # Where neither end is free, lowest is low: the number is the training range's end.
    return np.where(outside & ~above, lowest + at * (low - lowest), column)


def invalid_number(feature: Feature, gaps: Collection[float]) -> float:
    """Return a finite number outside the valid range that is none of `gaps`, the numbers that mean missing.

    Raises:
        ValueError: the feature has no bound.
    """
    for bound, direction in ((feature.valid_max, 1.0), (feature.valid_min, -1.0)):
        if bound is not None:
            step = direction * max(abs(bound), 1.0)
            number = bound + step
            while number in gaps:
                number += step
            return number
    raise ValueError(f"every finite number is valid for {feature.name!r}")


def _usual_range(feature: Feature) -> tuple[float, float]:
    """The training range, inside the valid one; where training saw nothing, some valid numbers."""
    valid_low, valid_high = _or(feature.valid_min, -_LARGEST), _or(feature.valid_max, _LARGEST)
    low = max(_or(feature.training_min, -_LARGEST), valid_low)
    high = min(_or(feature.training_max, _LARGEST), valid_high)
    if feature.training_min is not None and feature.training_max is not None and low <= high:
        return low, high
    low = min(max(0.0, valid_low), valid_high)
    return low, min(low + 1.0, valid_high)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
