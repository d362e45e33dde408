"""Results as plain data and as JSON: valid JSON, so what is not a number is null."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any


def to_plain(value: object) -> object:
    """Return a result as dicts, lists, text and numbers; NaN and infinities become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_plain(_fields(value))
    if isinstance(value, Mapping):
        return {str(name): to_plain(item) for name, item in value.items()}
    if isinstance(value, Enum):
        return value.name
    return value.isoformat() if isinstance(value, datetime) else value


def to_json(result: object, **further: object) -> str:
    """Return a result, a dataclass or a mapping, as indented JSON, `further` facts behind its own; ASCII."""
    facts = result if isinstance(result, Mapping) else _fields(result)
    return json.dumps(to_plain({**facts, **further}), indent=2, allow_nan=False)


def _fields(result: Any) -> dict[str, object]:
    return {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
