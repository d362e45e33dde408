"""What `PricingClient.describe` returns: what a model version expects and promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ridgeline_client.results import ModelRef


@dataclass(frozen=True, slots=True)
class Category:
    """One category seen in training."""

    value: str
    """"" for missing."""
    share: float
    """Share of training rows, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a model. Bounds and ranges are in the feature's unit, None when there is none."""

    name: str
    kind: Literal["numeric", "categorical"]
    unit: str
    description: str
    required: bool
    valid_min: float | None
    valid_max: float | None
    training_min: float | None
    training_max: float | None
    missing_rate: float
    """Share of training rows in which it was missing, 0 to 1."""
    acceptable_missing_rate: float
    categories: tuple[Category, ...]
    """Categories seen in training, most frequent first."""
    importance_rank: int
    """1 for the feature that moves prices most."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The sane price range and what happens outside it."""

    min_price: float
    max_price: float
    policy: str
    """"clamp", "reject" or "fallback"."""
    max_missing_share: float
    """A row with a larger share of its features missing gets the safe default, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The prediction interval: model price -/+ half_width."""

    level: float
    """Share of true prices it is made to cover, 0 to 1."""
    half_width: float
    """In the model's currency."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold."""

    max_rows: int
    max_records: int
    max_message_bytes: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """Accuracy of the guarded price on a holdout later than the training data, in the model's currency."""

    rmse: float
    mae: float
    r2: float
    """NaN when undefined: fewer than two rows, or all with one price."""
    row_count: int
    interval_coverage: float
    """Share of later holdout rows whose true price lay inside the interval, 0 to 1."""


@dataclass(frozen=True, slots=True)
class NumericTerm:
    """A numeric feature's part of the price: coefficient * (value - centre) / scale."""

    feature: str
    fill: float
    """Used when the value is missing."""
    centre: float
    scale: float
    coefficient: float
    """In the model's currency per standard deviation."""


@dataclass(frozen=True, slots=True)
class CategoricalTerm:
    """A categorical feature's part of the price, in the model's currency."""

    feature: str
    amounts: Mapping[str, float]
    unknown_amount: float
    """What a category never seen in training adds."""


@dataclass(frozen=True, slots=True)
class LinearForm:
    """The model as a formula, over imputed values: base + the sum of the terms."""

    base: float
    numeric_terms: tuple[NumericTerm, ...]
    categorical_terms: tuple[CategoricalTerm, ...]


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """What one numeric feature looked like in training, missing values left out."""

    feature: str
    mean: float
    standard_deviation: float
    """n - 1 in the denominator."""
    deciles: tuple[float, ...]
    """The 9 inner deciles, ascending."""


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What a model version expects and promises."""

    model: ModelRef
    created: datetime
    """When it was trained, UTC."""
    target: str
    currency: str
    """ISO 4217 code."""
    schema_fingerprint: str
    """SHA-256 over the ordered (name, kind, unit) of the features."""
    missing_tokens: tuple[str, ...]
    """Category values that count as missing beside the empty string."""
    features: tuple[Feature, ...]
    """In the model's order."""
    guard: Guard
    interval: Interval
    limits: Limits
    metrics: Metrics
    served_versions: tuple[int, ...]
    linear_form: LinearForm | None = None
    """Only in a full description."""
    reference_profile: tuple[FeatureProfile, ...] = ()
    """Only in a full description."""
