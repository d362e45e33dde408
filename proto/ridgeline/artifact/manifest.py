"""`manifest.json`: the serving contract of one version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from ridgeline.artifact.fields import Convention, Finite, GuardPolicy, Kind, Part, Share

FORMAT_MAJOR = 2
FORMAT_VERSION = f"{FORMAT_MAJOR}.0"


class CategoryShare(Part):
    """A category seen in training; "" is missing. `share` of training rows."""

    value: str
    share: Share


class Feature(Part):
    """One feature. Bounds are in the feature's unit; None is no bound (valid) or nothing seen (training)."""

    name: Annotated[str, Field(min_length=1)]
    kind: Kind
    unit: str = ""
    description: str = ""
    required: bool = False
    valid_min: Finite | None = None
    valid_max: Finite | None = None
    training_min: Finite | None = None
    training_max: Finite | None = None
    missing_rate: Share = 0.0
    acceptable_missing_rate: Share = 1.0
    categories: tuple[CategoryShare, ...] = ()
    importance_rank: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if (self.training_min is None) != (self.training_max is None):
            raise ValueError(
                f"{self.name!r} has one of training_min and training_max; it must have both or none"
            )
        for part in ("valid", "training"):
            low, high = getattr(self, f"{part}_min"), getattr(self, f"{part}_max")
            if low is not None and high is not None and low > high:
                raise ValueError(f"{self.name!r} has {part}_min {low} above {part}_max {high}")
        return self


class PriceRange(Part):
    """The sane range of prices, in the model's currency; min is below max."""

    min: Finite
    max: Finite

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.min >= self.max:
            raise ValueError(f"min {self.min} must be below max {self.max}")
        return self


class Guard(Part):
    """What happens to a model price outside the range, and above which share of missing features a row gets
    the fallback price."""

    policy: GuardPolicy = "clamp"
    max_missing_share: Share = 0.5


class FallbackTable(Part):
    """Safe default prices by the value of one categorical feature."""

    feature: str
    prices: dict[str, Finite]


class Fallback(Part):
    """Safe default prices, inside the price range: the first table that has the row's value answers, else
    `overall`."""

    overall: Finite
    tables: tuple[FallbackTable, ...] = ()


class Interval(Part):
    """Split-conformal prediction interval: model price -/+ half_width covers `level` of true prices."""

    level: Annotated[float, Field(gt=0, lt=1)]
    half_width: Annotated[Finite, Field(ge=0)]
    calibration_rows: Annotated[int, Field(ge=1)]
    coverage: Share
    coverage_rows: Annotated[int, Field(ge=0)]


class Metrics(Part):
    """Accuracy of the guarded price on the `row_count` holdout rows that got one, missing values included:
    rows that the guard rejects are left out."""

    row_count: Annotated[int, Field(ge=1)]
    rmse: Finite
    mae: Finite
    r2: Finite | None
    bias: Finite
    p95_absolute_error: Finite


class SegmentMetrics(Metrics):
    """`Metrics` of the holdout rows with one value of one feature; "" is missing."""

    feature: str
    value: str


class Penalty(Part):
    """Ridge penalty. Convention "sum": sum of squared errors + value * ||b||^2 (scikit-learn's alpha);
    "mean": half the mean squared error + value / 2 * ||b||^2, so alpha = rows * value."""

    value: Annotated[Finite, Field(ge=0)]
    convention: Convention
    alpha: Annotated[Finite, Field(ge=0)]


class Window(Part):
    """Rows of one part of the table and the first and last value of its time column, as text."""

    row_count: Annotated[int, Field(ge=1)]
    first: str = ""
    last: str = ""


class Parity(Part):
    """Largest |onnx - scikit-learn| / max(1, |price|) over all rows that were compared."""

    row_count: Annotated[int, Field(ge=1)]
    largest_error: Finite


class Manifest(Part):
    """The serving contract of one version."""

    format_version: str = FORMAT_VERSION
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    version: Annotated[int, Field(ge=1)]
    created: datetime
    target: str
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    missing_tokens: tuple[str, ...] = ()
    features: Annotated[tuple[Feature, ...], Field(min_length=1)]
    schema_fingerprint: str
    price_range: PriceRange
    guard: Guard
    fallback: Fallback
    interval: Interval
    metrics: Metrics
    segments: tuple[SegmentMetrics, ...] = ()
    penalty: Penalty
    training: Window
    holdout: Window
    parity: Parity
    files: dict[str, str]

    @model_validator(mode="after")
    def _fallback_inside_the_range(self) -> Self:
        low, high = self.price_range.min, self.price_range.max
        named = {"fallback.overall": self.fallback.overall}
        for table in self.fallback.tables:
            named |= {f"fallback of {table.feature} {value!r}": p for value, p in table.prices.items()}
        outside = [f"{name} {price}" for name, price in named.items() if not low <= price <= high]
        if outside:
            raise ValueError(f"{', '.join(outside)}: outside the price range {low} to {high}")
        return self

    @property
    def numeric(self) -> tuple[Feature, ...]:
        """Numeric features, in the order of the `numeric` tensor."""
        return tuple(f for f in self.features if f.kind == "numeric")

    @property
    def categorical(self) -> tuple[Feature, ...]:
        """Categorical features, in the order of the `categorical` tensor."""
        return tuple(f for f in self.features if f.kind == "categorical")


def schema_fingerprint(features: Iterable[Feature]) -> str:
    """Lower-case hexadecimal SHA-256 over the ordered (name, kind, unit) of the features."""
    ordered = [[f.name, f.kind, f.unit] for f in features]
    text = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
