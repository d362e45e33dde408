"""Long messages of very many fields, told from long messages that are none."""

from __future__ import annotations

import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.errors import InvalidInput, MalformedMessage
from ridgeline_server.transport import fields
from ridgeline_server.transport.fields import SHORT_BYTES, SPARE_FIELDS, FieldLimit

MOST = 1_000
LIMIT = FieldLimit(fields.PREDICT_STREAM, MOST)
LONG_NAME = "x" * SHORT_BYTES


def nested(content: bytes, *numbers: int) -> bytes:
    """`content` as a field of a field, the innermost number first."""
    for number in numbers:
        content = bytes([number << 3 | 2]) + _varint(len(content)) + content
    return content


def _varint(value: int) -> bytes:
    done = b""
    while value > 0x7F:
        done += bytes([value & 0x7F | 0x80])
        value >>= 7
    return done + bytes([value])


MANY = SHORT_BYTES  # fields of two bytes: twice as long as what is parsed unseen
CHUNK = pb.PredictStreamRequest.CHUNK_FIELD_NUMBER
HOSTILE = {
    "records": nested(b"\x0a\x00" * MANY, pb.Chunk.ROWS_FIELD_NUMBER, CHUNK),
    "columns": nested(b"\x1a\x00" * MANY, pb.Chunk.COLUMNS_FIELD_NUMBER, CHUNK),
    "names": nested(b"\x0a\x00" * MANY, 2, pb.Chunk.COLUMNS_FIELD_NUMBER, CHUNK),
    "chunks": b"\x12\x00" * MANY,
    "unknown numbers": b"\x78\x01" * MANY,
    "one record a chunk": nested(b"\x0a\x00", pb.Chunk.ROWS_FIELD_NUMBER, CHUNK) * MANY,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_more_fields_than_any_answer_needs_are_refused(kind: str) -> None:
    pb.PredictStreamRequest.FromString(HOSTILE[kind])  # protobuf takes it
    with pytest.raises(InvalidInput, match="more than 1,000 fields"):
        LIMIT.check(HOSTILE[kind])


@pytest.mark.parametrize(
    "raw",
    [
        b"\x12" + b"\xff" * 11,
        nested(b"\x12\x7f", CHUNK),
        b"\xfb\x3e",  # a group
        b"\x0d\x00\x00",  # four bytes that are two
        b"\x12",
    ],
)
def test_a_long_message_whose_fields_cannot_be_told_apart_is_malformed(raw: bytes) -> None:
    opening = pb.PredictStreamRequest(open=pb.StreamOpen(job_id=LONG_NAME)).SerializeToString()
    LIMIT.check(opening)
    with pytest.raises(MalformedMessage):
        LIMIT.check(opening + raw)


def test_as_many_fields_as_are_allowed_pass_and_one_more_does_not() -> None:
    def chunk(records: int) -> bytes:
        rows = pb.Records(records=[pb.Record(record_id="x" * 100)] * records)
        return pb.PredictStreamRequest(chunk=pb.Chunk(rows=rows)).SerializeToString()

    assert len(chunk(MOST - 2)) > SHORT_BYTES
    LIMIT.check(chunk(MOST - 2))  # two: the chunk and its rows
    with pytest.raises(InvalidInput):
        LIMIT.check(chunk(MOST - 1))


def test_a_short_message_is_not_looked_at() -> None:
    LIMIT.check(b"\x12\x00" * (SHORT_BYTES // 2))
    with pytest.raises(InvalidInput):
        LIMIT.check(b"\x12\x00" * (SHORT_BYTES // 2 + 1))


@pytest.mark.parametrize("method", ["PredictBatch", "PredictStream"])
def test_a_record_of_a_batch_may_have_as_many_fields_as_one_alone(method: str) -> None:
    record = pb.Record(numeric={f"stray {n}": 1.0 for n in range(SPARE_FIELDS + 1)})
    rows = pb.Records(records=[record])
    batch, chunk = pb.PredictBatchRequest(rows=rows), pb.PredictStreamRequest(chunk=pb.Chunk(rows=rows))
    tree, sent = {
        "PredictBatch": (fields.PREDICT_BATCH, batch.SerializeToString),
        "PredictStream": (fields.PREDICT_STREAM, chunk.SerializeToString),
    }[method]
    limit = FieldLimit(tree, MOST)
    with pytest.raises(InvalidInput, match="more than 10,000 fields"):
        limit.check(sent())
    for records in (batch.rows.records, chunk.chunk.rows.records):
        del records[0].numeric["stray 0"]
    limit.check(sent())
