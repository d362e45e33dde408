"""The schema language: a TOML file that says what a table means and what the model may do.

`load` reads it. Section by section the keys are the fields of the classes below; unknown keys are refused.
"""

from __future__ import annotations

import datetime
import math
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError

from ridgeline.artifact import Convention, Guard, GuardPolicy, Kind, PriceRange
from ridgeline.tables import Columns
from ridgeline_export.problems import InputError
from ridgeline_export.schema_rules import broken_rules, describe

LARGEST = 1e100
"""Larger magnitudes cannot be squared and summed in float64."""


def _bound(value: float) -> float:
    if abs(value) > LARGEST:
        raise PydanticCustomError("bound", f"must be within -{LARGEST:g} and {LARGEST:g}")
    return value


def _start(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float | datetime.date):
        raise PydanticCustomError("start", "must be a date, a timestamp or a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("start", "must be a finite number")
    return value


Number = Annotated[float, Field(allow_inf_nan=False)]
Bound = Annotated[Number, AfterValidator(_bound)]
Name = Annotated[str, Field(min_length=1)]
# TOML has lists; nothing else is read as a tuple.
Names = Annotated[tuple[Name, ...], Field(strict=False)]
# A date with a time is a date too, and stays as it is, with its zone.
Start = Annotated[str | int | float | datetime.date, PlainValidator(_start)]
Share = Annotated[Number, Field(ge=0, le=1)]


class Section(BaseModel):
    """A table of the schema: keys that are not fields are refused, and values of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ModelSection(Section):
    """[model]: names of columns and what the price is counted in."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    target: Name
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    id: Name | None = None
    time: Name | None = None
    segments: Names = ()
    refused_columns: Names = ()
    missing_tokens: Names = ()


class PriceSection(Section):
    """[price]: the sane range and what happens outside it."""

    min: Bound
    max: Bound
    policy: GuardPolicy = "clamp"
    max_missing_share: Share = 0.5
    fallback_by: Names = ()


class PenaltySection(Section):
    """[penalty]: lambda and its convention, see `ridgeline.artifact.Penalty`."""

    value: Annotated[Number, Field(gt=0)] = 1.0
    convention: Convention = "sum"

    def alpha(self, row_count: int) -> float:
        """Return scikit-learn's alpha for this many training rows."""
        return self.value * row_count if self.convention == "mean" else self.value


class TrainingSection(Section):
    """[training]: only rows of the last `window_days` days before the holdout train."""

    window_days: Annotated[Number, Field(gt=0)] | None = None


class HoldoutSection(Section):
    """[holdout]: the last `share` of rows, or the rows at or after `from`."""

    share: Annotated[Number, Field(gt=0, lt=1)] | None = None
    start: Annotated[Start | None, Field(alias="from")] = None


class IntervalSection(Section):
    """[interval]: share of true prices the prediction interval is made to cover."""

    level: Annotated[Number, Field(gt=0, lt=1)] = 0.9


class FeatureSection(Section):
    """[[features]]: one feature; bounds in its unit."""

    name: Name
    kind: Kind
    unit: str = ""
    description: str = ""
    required: bool = False
    valid_min: Bound | None = None
    valid_max: Bound | None = None
    acceptable_missing_rate: Share = 1.0


class Schema(Section):
    """A whole schema file."""

    model: ModelSection
    price: PriceSection
    penalty: PenaltySection = PenaltySection()
    training: TrainingSection = TrainingSection()
    holdout: HoldoutSection = HoldoutSection()
    interval: IntervalSection = IntervalSection()
    features: Annotated[tuple[FeatureSection, ...], Field(min_length=1, strict=False)]

    @property
    def numeric(self) -> tuple[FeatureSection, ...]:
        """Numeric features in order."""
        return tuple(feature for feature in self.features if feature.kind == "numeric")

    @property
    def categorical(self) -> tuple[FeatureSection, ...]:
        """Categorical features in order."""
        return tuple(feature for feature in self.features if feature.kind == "categorical")

    @property
    def columns(self) -> Columns:
        """What to read from a table: features and target; id and time as they are."""
        return Columns(
            numeric=[feature.name for feature in self.numeric] + [self.model.target],
            categorical=[feature.name for feature in self.categorical],
            other=[name for name in (self.model.id, self.model.time) if name],
            missing_tokens=self.model.missing_tokens,
        )

    @property
    def price_range(self) -> PriceRange:
        """The sane range, as the artifact says it."""
        return PriceRange(min=self.price.min, max=self.price.max)

    @property
    def guard(self) -> Guard:
        """The guard, as the artifact says it."""
        return Guard(policy=self.price.policy, max_missing_share=self.price.max_missing_share)


def load(path: Path) -> Schema:
    """Read a schema file.

    Raises:
        InputError: it cannot be read or breaks rules; every problem is named.
    """
    try:
        return parse(tomllib.loads(path.read_text(encoding="utf-8-sig")), str(path))
    except OSError as error:
        raise InputError(str(path), [f"cannot be read: {error.strerror}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(str(path), [f"is not TOML: {error}"]) from None
    except RecursionError:
        raise InputError(str(path), ["is not a schema: lists or tables are nested too deeply"]) from None


def parse(raw: dict[str, Any], where: str) -> Schema:
    """Check a schema given as plain tables and lists; raises InputError with every problem."""
    problems: list[str] = []
    try:
        schema = Schema.model_validate(raw)
    except ValidationError as error:
        # pydantic counts only entries that are right, and would call a list of wrong ones too short.
        details = [d for d in error.errors() if not (d["type"] == "too_short" and d["input"])]
        problems = [describe(detail, raw) for detail in details]
    problems += broken_rules(raw)
    if problems:
        raise InputError(where, problems)
    return schema
