"""`linear.json` and `reference.json`: the model as a formula, and what training data looked like."""

from __future__ import annotations

from ridgeline.artifact.fields import Finite, NonZero, Part, Share


class NumericTerm(Part):
    """Adds coefficient * (value - centre) / scale; `fill` stands in for a missing value."""

    name: str
    fill: Finite
    centre: Finite
    scale: NonZero
    coefficient: Finite


class CategoricalTerm(Part):
    """Adds amounts[value], or `unknown_amount` for a value that is not there; "" is missing."""

    name: str
    amounts: dict[str, Finite]
    unknown_amount: Finite


class LinearForm(Part):
    """base + the sum of all terms = the model price. `base` is the price of an average product."""

    base: Finite
    numeric: tuple[NumericTerm, ...]
    categorical: tuple[CategoricalTerm, ...]


class NumericProfile(Part):
    """One numeric feature over training rows, missing ones left out: `row_count` rows have a value. `sd` has
    n - 1; `deciles` are the 9 inner ones. Without a value, mean and sd are 0 and there are no deciles."""

    name: str
    row_count: int
    missing_rate: Share
    mean: Finite
    sd: Finite
    deciles: tuple[Finite, ...]


class CategoricalProfile(Part):
    """Shares of one categorical feature over all `row_count` training rows; "" is missing."""

    name: str
    row_count: int
    shares: dict[str, Share]


class ReferenceProfile(Part):
    """What training looked like. `correlations` are Pearson's over pairwise complete rows, in the order of
    `numeric`, None where undefined; `tier_cut_points` are the terciles of the target."""

    numeric: tuple[NumericProfile, ...]
    categorical: tuple[CategoricalProfile, ...]
    correlations: tuple[tuple[Finite | None, ...], ...]
    target: NumericProfile
    tier_cut_points: tuple[Finite, ...]
