"""Packed repeated fields straight from arrays, without a Python object per value, as parts of a message.

A message is its fields one after another, so parts made here may stand before or after what protobuf
serialises of the same message; `b"".join` copies each once. Source of the format:
protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Part = bytes | memoryview

_LENGTH_DELIMITED = 2
_SEVEN_BITS = 7
_MORE = 0x80
_ONE_BYTE = [bytes([number]) for number in range(_MORE)]


def reals(number: int, values: npt.NDArray[np.floating[Any]]) -> list[Part]:
    """A `repeated double` or `repeated float` field of an array of any shape, by its dtype, in C order; no
    parts when it is empty."""
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return message(number, [little.reshape(-1).data.cast("B")]) if values.size else []


def counts(number: int, values: npt.NDArray[np.int32]) -> list[Part]:
    """A `repeated int32` field of numbers that are 0 or more; no parts when it is empty.

    Raises:
        ValueError: a number is negative.
    """
    if not len(values):
        return []
    if int(values.min()) < 0:
        raise ValueError(f"expected numbers that are 0 or more, got {values.min()}")
    width = max(1, -(-int(values.max()).bit_length() // _SEVEN_BITS))
    if width == 1:
        return message(number, [values.astype(np.uint8).tobytes()])
    # [n, width] groups of seven bits, the lowest first; every group but a number's last says that more come
    groups = values.reshape(-1, 1) >> (_SEVEN_BITS * np.arange(width, dtype=np.int32))
    wanted = groups > 0
    wanted[:, 0] = True
    groups &= _MORE - 1
    groups[:, :-1] |= np.where(wanted[:, 1:], _MORE, 0)
    return message(number, [groups[wanted].astype(np.uint8).tobytes()])


def count(number: int, value: int) -> bytes:
    """A single `int32` or `int64` field that is 0 or more."""
    return _varint(number << 3) + _varint(value)


def message(number: int, parts: Iterable[Part]) -> list[Part]:
    """A message, text or bytes field that consists of `parts`; there is one even when they are empty."""
    content = list(parts)
    head = _varint(number << 3 | _LENGTH_DELIMITED) + _varint(sum(map(len, content)))
    return [head, *content]


def short_message(number: int, content: bytes) -> bytes:
    """What `message` says of one part, in one piece: for many that are small."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    if number < _MORE:
        return _ONE_BYTE[number]
    out = bytearray()
    while number >= _MORE:
        out.append(number & (_MORE - 1) | _MORE)
        number >>= _SEVEN_BITS
    out.append(number)
    return bytes(out)
