"""Rules that span several keys of a schema, and plain words for the problems pydantic finds.

Rules read the raw tables, so that they are checked even where single keys are wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

TIER = "price_tier"
"""The name of the segment every model has: low, mid and high prices by the terciles of training."""


def describe(detail: Mapping[str, Any], raw: Mapping[str, Any]) -> str:
    """Return one sentence for one of pydantic's errors, naming the key, the value and what to do."""
    where = _place(detail["loc"], raw)
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown key; correct its spelling or remove it"
    if detail["type"] == "missing":
        return f"{where}: missing; add it"
    if detail["type"] in ("model_type", "dict_type"):
        return f"{where}: must be a table of keys, such as [{where}], got {detail['input']!r}"
    message = str(detail["msg"]).replace("Input should", "must").replace("tuple", "list")  # TOML's word
    return f"{where}: {message[:1].lower()}{message[1:]}, got {detail['input']!r}"


def _place(parts: Sequence[Any], raw: Mapping[str, Any]) -> str:
    if len(parts) > 1 and parts[0] == "features" and isinstance(parts[1], int):
        entry = raw["features"][parts[1]]
        name = (
            entry.get("name", f"number {parts[1] + 1}")
            if isinstance(entry, dict)
            else f"number {parts[1] + 1}"
        )
        return ".".join([f"features[{name}]", *map(str, parts[2:3])])
    return ".".join(str(part) for part in parts[:2])


def broken_rules(raw: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each rule between keys that is broken."""
    features = [
        f for f in _list(raw.get("features")) if isinstance(f, dict) and isinstance(f.get("name"), str)
    ]
    model, price = _table(raw.get("model")), _table(raw.get("price"))
    return [
        *_names(features, model),
        *_categorical_lists(features, model, price),
        *_bounds(features, price),
        *_holdout(raw, model),
    ]


def _names(features: list[dict[str, Any]], model: Mapping[str, Any]) -> Iterator[str]:
    counts = Counter(feature["name"] for feature in features)
    for name, count in counts.items():
        if count > 1:
            yield f"features[{name}]: declared {count} times; names must be unique"
    roles = {role: name for role in ("target", "id", "time") if isinstance(name := model.get(role), str)}
    for role, name in roles.items():
        if name in counts:
            yield f"features[{name}]: is the {role} column, which must not be a feature; remove the feature"
    refused = _texts(model.get("refused_columns"))
    for name in refused:
        if name in counts:
            yield f"features[{name}]: is in refused_columns (known only after the sale); remove the feature"
    target = roles.get("target")
    if target is not None and target in refused:
        yield f"model.target: {target!r} is in refused_columns; remove it from one of them"
    if target is not None and target in (roles.get("id"), roles.get("time")):
        yield f"model.target: {target!r} is also the id or time column; name another column"


def _categorical_lists(
    features: list[dict[str, Any]], model: Mapping[str, Any], price: Mapping[str, Any]
) -> Iterator[str]:
    categorical = {feature["name"] for feature in features if feature.get("kind") == "categorical"}
    lists = {"model.segments": model.get("segments"), "price.fallback_by": price.get("fallback_by")}
    for where, names in lists.items():
        for name, count in Counter(_texts(names)).items():
            if name not in categorical:
                yield f"{where}: {name!r} is not a categorical feature; declare it as one or remove it"
            if count > 1:
                yield f"{where}: {name!r} is listed {count} times; list it once"
    if TIER in _texts(model.get("segments")):
        yield f"model.segments: {TIER!r} is the name of a segment every model has; rename the feature"


def _bounds(features: list[dict[str, Any]], price: Mapping[str, Any]) -> Iterator[str]:
    low, high = price.get("min"), price.get("max")
    if _above(low, high) or (_is_number(low) and low == high):
        yield f"price: min {low} must be below max {high}"
    for feature in features:
        low, high = feature.get("valid_min"), feature.get("valid_max")
        if feature.get("kind") == "categorical" and not (low is None and high is None):
            yield f"features[{feature['name']}]: categories have no valid_min, valid_max; remove them"
        elif _above(low, high):
            yield f"features[{feature['name']}]: valid_min {low} is above valid_max {high}"


def _holdout(raw: Mapping[str, Any], model: Mapping[str, Any]) -> Iterator[str]:
    holdout = _table(raw.get("holdout"))
    if "share" in holdout and "from" in holdout:
        yield "holdout: has both share and from; keep one"
    if "from" in holdout and not model.get("time"):
        yield "holdout.from: needs a time column; name it in model.time, or use holdout.share"
    if _table(raw.get("training")).get("window_days") is not None and not model.get("time"):
        yield "training.window_days: needs a time column; name it in model.time, or remove window_days"


def _above(low: object, high: object) -> bool:
    return _is_number(low) and _is_number(high) and low > high


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [entry for entry in _list(value) if isinstance(entry, str)]


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
