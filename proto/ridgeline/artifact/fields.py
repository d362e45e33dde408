"""The field types every part of the artifact is made of."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


Finite = Annotated[float, AfterValidator(_finite)]
Share = Annotated[float, Field(ge=0, le=1)]
Kind = Literal["numeric", "categorical"]
GuardPolicy = Literal["clamp", "reject", "fallback"]
Convention = Literal["sum", "mean"]


class Part(BaseModel):
    """A part of the artifact. Fields it does not know are ignored, so that newer files can be read."""

    model_config = ConfigDict(extra="ignore", frozen=True)
