"""Changes messages field by field: of ten messages whose bytes are changed, nine are none any more."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from fuzz.targets import METHODS, POLICIES, REQUESTS, framed, parts
from support import hostile
from support.hostile import COUNTS, NAMES, SPECIAL, WORDS


def mutated_input(data: bytes, rng: random.Random) -> bytes | None:
    """Change up to four fields of an input, and sometimes the model; None for an input that is no message.

    One time in four it is a new good message that is changed: what libFuzzer keeps for the new ground it
    breaks is mostly refused.
    """
    call, policy, content = parts(data)
    if call in METHODS and rng.random() < 0.25:
        content = hostile.valid(METHODS[call], rng)
    message = REQUESTS[call]()
    try:
        message.ParseFromString(content)
    except DecodeError:
        return None
    for _ in range(rng.choice([1, 1, 2, 4])):
        mutate(message, rng)
    return framed(call, rng.choice([policy, policy, *POLICIES]), message.SerializeToString())


def mutate(message: Message, rng: random.Random) -> None:
    """Change one field of a message, or of one within it."""
    at = rng.choice(list(_within(message)))
    descriptor: Any = at.DESCRIPTOR  # of one of two classes that mypy takes to be strangers
    field: FieldDescriptor = rng.choice(descriptor.fields)
    if rng.random() < 0.2:
        at.ClearField(field.name)
    elif field.is_repeated:
        _change_many(getattr(at, field.name), field, rng)
    elif field.message_type:
        getattr(at, field.name).SetInParent()
    else:
        setattr(at, field.name, _value(field, rng))


def _within(message: Message) -> Iterator[Message]:
    yield message
    for field, value in message.ListFields():
        if field.message_type and not _is_map(field.message_type):
            for part in value if field.is_repeated else [value]:
                yield from _within(part)


def _change_many(values: Any, field: FieldDescriptor, rng: random.Random) -> None:
    """Add, replace or remove an element of a repeated field or of a map."""
    entry = field.message_type
    if entry and _is_map(entry):
        key, value = entry.fields
        values[_value(key, rng)] = _value(value, rng)
        return
    place = rng.randrange(len(values)) if values else 0
    if values and rng.random() < 0.3:
        del values[place]
    elif entry:
        added = values.add()
        added.CopyFrom(values[place])
    elif values and rng.random() < 0.7:
        values[place] = _value(field, rng)
    else:
        values.append(_value(field, rng))


def _is_map(entry: Descriptor) -> bool:
    return bool(entry.GetOptions().map_entry)


def _value(field: FieldDescriptor, rng: random.Random) -> Any:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return rng.choice(NAMES + WORDS)
        case FieldDescriptor.CPPTYPE_BOOL:
            return rng.random() < 0.5
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return rng.choice([*SPECIAL, rng.uniform(0, 100)])
    return rng.choice([*COUNTS, rng.randrange(10)])
