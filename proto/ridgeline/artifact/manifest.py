"""`manifest.json`: the serving contract of one version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import Field

from ridgeline.artifact.fields import Convention, Finite, GuardPolicy, Kind, Part, Share

FORMAT_MAJOR = 1
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


class PriceRange(Part):
    """The sane range of prices, in the model's currency."""

    min: Finite
    max: Finite


class Guard(Part):
    """What happens to a model price outside the range, and from which share of missing features on a row
    gets the fallback price."""

    policy: GuardPolicy = "clamp"
    max_missing_share: Share = 0.5


class FallbackTable(Part):
    """Safe default prices by the value of one categorical feature."""

    feature: str
    prices: dict[str, Finite]


class Fallback(Part):
    """Safe default prices: the first table that has the row's value answers, else `overall`."""

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
    """Accuracy of the guarded price on holdout rows, missing values included."""

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
