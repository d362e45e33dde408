"""Refuses long messages of very many fields before they are parsed.

A message of two bytes becomes an object of about seventy: 16 MiB of empty records would take half a gigabyte
and most of a second, in which nobody else is answered. No message that could be answered has so many.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.errors import InvalidInput, MalformedMessage, Violation

SHORT_BYTES = 64 << 10
"""Messages up to this length are parsed as they are: what they can become is small."""

SPARE_FIELDS = 10_000
"""Fields beyond rows and records: names of columns, fields nobody knows."""

Tree: TypeAlias = "Mapping[int, Tree]"

_RECORD: Tree = {}
_RECORDS: Tree = {pb.Records.RECORDS_FIELD_NUMBER: _RECORD}
_COLUMNS: Tree = {pb.RecordBatch.NUMERIC_FIELD_NUMBER: {}}
PREDICT: Tree = {pb.PredictRequest.RECORD_FIELD_NUMBER: _RECORD}
PREDICT_BATCH: Tree = {
    pb.PredictBatchRequest.COLUMNS_FIELD_NUMBER: _COLUMNS,
    pb.PredictBatchRequest.ROWS_FIELD_NUMBER: _RECORDS,
}
PREDICT_STREAM: Tree = {
    pb.PredictStreamRequest.CHUNK_FIELD_NUMBER: {
        pb.Chunk.COLUMNS_FIELD_NUMBER: _COLUMNS,
        pb.Chunk.ROWS_FIELD_NUMBER: _RECORDS,
    }
}

_LONG = 0x80  # sizes from here take more than one byte
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_FIXED_BYTES = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10


def most(limits: pb.Limits) -> int:
    """Fields of the longest batch that is answered."""
    return limits.max_rows + limits.max_records + SPARE_FIELDS


class FieldLimit:
    """At most `most` fields in a message, counted in it and in its messages that `tree` names."""

    def __init__(self, tree: Tree, most: int) -> None:
        self._tree = tree
        self._most = most

    def check(self, raw: bytes) -> None:
        """Raises InvalidInput for more fields, MalformedMessage where they cannot be told apart."""
        if len(raw) <= SHORT_BYTES:
            return
        count, within = 0, [(0, len(raw), self._tree)]
        while within:
            at, end, tree = within.pop()
            while at < end:
                tag, size = raw[at], raw[at + 1] if at + 1 < end else _LONG
                if tag & 0x87 == _LENGTH and size < _LONG and at + 2 + size <= end:
                    # such as the names of columns; told here, for there are many and a call is slow
                    number, first, at = tag >> 3, at + 2, at + 2 + size
                else:
                    number, first, at = _field(raw, at, end)
                count += 1
                if count > self._most:
                    raise _too_many(self._most)
                below = tree.get(number)
                if tree is _RECORDS and below is _RECORD:
                    _check_record(raw, first, at)
                elif below is not None:
                    within.append((first, at, below))


def _check_record(raw: bytes, first: int, end: int) -> None:
    """A record of a batch is bounded like one alone: a map of two million names takes two seconds to build.
    Those of usual length are not looked into, for each of their fields would cost as much as to parse it."""
    if end - first > SHORT_BYTES:
        FieldLimit(_RECORD, SPARE_FIELDS).check(raw[first:end])


def _too_many(most: int) -> InvalidInput:
    text = f"the message has more than {most:,} fields: send fewer rows in one message"
    return InvalidInput([Violation(Reason.ROW_LIMIT_EXCEEDED, text)], reason=Reason.ROW_LIMIT_EXCEEDED)


def _field(raw: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Number, begin and end of the content of the field at `at`. Groups are refused: no message has any."""
    tag, at = _varint(raw, at, end)
    kind = tag & 7
    if kind == _LENGTH:
        length, at = _varint(raw, at, end)
    elif kind == _VARINT:
        _, last = _varint(raw, at, end)
        length = last - at
    else:
        length = _FIXED_BYTES.get(kind, end)
    if at + length > end:
        raise _malformed()
    return tag >> 3, at, at + length


def _varint(raw: bytes, at: int, end: int) -> tuple[int, int]:
    """A number and the place behind it."""
    value = shift = 0
    for place in range(at, min(end, at + _LONGEST_VARINT)):
        byte = raw[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place + 1
        shift += 7
    raise _malformed()


def _malformed() -> MalformedMessage:
    return MalformedMessage("the bytes are no message of the contract: check its version")
