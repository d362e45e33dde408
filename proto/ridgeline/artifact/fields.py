"""The field types every part of the artifact is made of."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _non_zero(value: float) -> float:
    if value == 0:
        raise ValueError("must not be zero")
    return value


Finite = Annotated[float, AfterValidator(_finite)]
NonZero = Annotated[Finite, AfterValidator(_non_zero)]
Share = Annotated[float, Field(ge=0, le=1)]
Kind = Literal["numeric", "categorical"]
GuardPolicy = Literal["clamp", "reject", "fallback"]
Convention = Literal["sum", "mean"]


class Part(BaseModel):
    """A part of the artifact. Fields it does not know are ignored, so that newer files can be read."""

    model_config = ConfigDict(extra="ignore", frozen=True)
