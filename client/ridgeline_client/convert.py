"""From a mapping of feature values to a message of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from ridgeline import missing
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import text, times, values
from ridgeline_client.errors import InvalidInput, Violation
from ridgeline_client.schema import Schema


def record(
    features: Mapping[str, object], schema: Schema, record_id: str = "", event_time: datetime | None = None
) -> pb.Record:
    """Return one product as the contract has it: NaN and "" for missing.

    Raises:
        InvalidInput: naming every feature whose value cannot be sent.
        TypeError: the features are no mapping.
    """
    if not isinstance(features, Mapping):
        raise TypeError(f"a record maps feature names to values, got {type(features).__name__}")
    message = pb.Record()
    numeric, categorical = message.numeric, message.categorical  # looking a map up costs more than filling it
    kinds, tokens = schema.kinds, schema.missing_tokens
    violations: list[Violation] = []
    for name, value in features.items():
        try:
            kind = kinds.get(name)
            if kind == "numeric":
                numeric[name] = values.number(value, tokens)
            elif kind == "categorical":
                categorical[name] = values.category(value)
            else:
                _set_unknown(message, name, value)
        except (ValueError, OverflowError) as error:
            violations.append(violation(name, None, str(error)))
    violations += _set_keys(message, record_id, event_time)
    if violations:
        raise InvalidInput.listing(violations)
    return message


def _set_keys(message: pb.Record, record_id: str, event_time: datetime | None) -> Iterator[Violation]:
    try:
        message.record_id = values.category(record_id)
    except ValueError as error:
        yield field_violation("record.record_id", str(error))
    try:
        if event_time is not None:
            message.event_time.CopyFrom(times.timestamp(event_time))
    except ValueError as error:
        yield field_violation("record.event_time", str(error))


def _set_unknown(message: pb.Record, name: object, value: object) -> None:
    if not isinstance(name, str) or not text.is_unicode(name):
        raise ValueError(bad_name("feature", name))
    if isinstance(value, str):
        message.categorical[name] = values.category(value)
    else:
        message.numeric[name] = _number_or_missing(value)


def bad_name(thing: str, name: object) -> str:
    """Say what is wrong with the name of a feature or column."""
    if isinstance(name, str):
        return f"the {thing}'s name {name!r} is no valid Unicode text"
    return f"a {thing}'s name must be text, got {type(name).__name__} {name!r}"


def _number_or_missing(value: object) -> float:
    """A value under a name the model does not know: the server names it, whatever it is."""
    try:
        return missing.number(value)
    except (ValueError, OverflowError):
        return missing.MISSING_NUMBER


def violation(name: object, row: int | None, message: str, reason: str = Reason.WRONG_KIND) -> Violation:
    """Build what is wrong with a feature or column."""
    return Violation(field="", feature=text.printable(str(name)), row=row, reason=reason, message=message)


def field_violation(path: str, message: str) -> Violation:
    """Build what is wrong with another field of the request."""
    return Violation(field=path, feature="", row=None, reason=Reason.INVALID_FIELD, message=message)
