"""Hostile inputs, seeded: what a broken, careless or malicious caller sends, as bytes of a request."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

from ridgeline.v1 import pricing_service_pb2 as pb
from support import wire

METHODS = ("Predict", "PredictBatch", "PredictStream", "DescribeModel")

SPECIAL = (math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1.8e308, -1.0, 2.0**63)
COUNTS = (0, 1, 2, 3, -1, 1_001, 10_001, 2**31 - 1, -(2**31))
NAMES = ("ram", "screen", "weight", "brand", "port_code", "", "x", "ram ", "\0", "é" * 300, "price")
WORDS = ("", "Acme", "n/a", "NA", "\0", "a\nb", "x" * 5_000, "\u202e", "7.0")


def inputs(method: str, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield `count` inputs of one method with the name of their kind."""
    rng = random.Random(f"{method}:{seed}")
    kinds: list[Callable[[str, random.Random], bytes]] = [_noise, _mutant, _hostile, _wire_tricks]
    for place in range(count):
        kind = kinds[place % len(kinds)]
        yield kind.__name__.strip("_"), kind(method, rng)


def valid(method: str, rng: random.Random) -> bytes:
    """A good request of a method; of a stream, one of its messages."""
    records = [wire.record(ram=rng.uniform(1, 60), brand=rng.choice(["Acme", "NA", ""])) for _ in range(3)]
    form = rng.choice(["rows", "columns"])
    if method == "Predict":
        request: pb.PredictRequest | pb.PredictBatchRequest | pb.PredictStreamRequest
        request = pb.PredictRequest(record=records[0], explain=rng.random() < 0.5)
    elif method == "PredictBatch":
        request = wire.batch_request(form, records, notice_bitmaps=rng.random() < 0.5)
    elif method == "PredictStream":
        batch = wire.batch_request(form, records)
        chunk = pb.Chunk(sequence=rng.randrange(100), columns=batch.columns if form == "columns" else None)
        if form == "rows":
            chunk.rows.CopyFrom(batch.rows)
        request = pb.PredictStreamRequest(chunk=chunk)
    else:
        return pb.DescribeModelRequest(view=pb.DESCRIBE_VIEW_FULL).SerializeToString()
    return request.SerializeToString()


def _noise(_method: str, rng: random.Random) -> bytes:
    """Any bytes."""
    return rng.randbytes(rng.choice([0, 1, 2, 10, 100, 3_000]))


def _mutant(method: str, rng: random.Random) -> bytes:
    """A good request with bytes changed, cut, doubled or moved."""
    data = bytearray(valid(method, rng))
    for _ in range(rng.choice([1, 1, 2, 5])):
        place, other = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0 if place < len(data):
                data[place] ^= 1 << rng.randrange(8)
            case 1:
                del data[place : place + rng.choice([1, 4, 64])]
            case 2:
                data[place:place] = data[min(place, other) : max(place, other)]
            case _:
                data[place:place] = rng.randbytes(rng.choice([1, 4]))
    return bytes(data)


def _hostile(method: str, rng: random.Random) -> bytes:
    """A message that parses and lies: counts, lengths, names, codes and numbers that do not fit."""
    batch = pb.RecordBatch(row_count=rng.choice(COUNTS))
    batch.numeric.names.extend(rng.choices(NAMES, k=rng.choice([0, 1, 3, 12])))
    values = rng.choices(SPECIAL, k=rng.choice([0, 1, 3, 9, 36]))
    if rng.random() < 0.3:
        batch.numeric.float_values.values.extend(max(-3e38, min(3e38, value)) for value in values)
    else:
        batch.numeric.double_values.values.extend(values)
    for _ in range(rng.choice([0, 1, 2])):
        codes = rng.choices([0, 1, 2, 9, -1, 2**31 - 1, -(2**31)], k=rng.choice([0, 1, 3]))
        words = rng.choices(WORDS, k=rng.choice([0, 1, 3]))
        batch.categorical.add(name=rng.choice(NAMES), dictionary=words, codes=codes)
    batch.record_ids.extend(rng.choices(WORDS, k=rng.choice([0, 0, 1, 3])))
    batch.event_times_us.extend(rng.choices([0, -1, 2**63 - 1], k=rng.choice([0, 0, 3])))
    record = pb.Record(
        numeric={rng.choice(NAMES): rng.choice(SPECIAL) for _ in range(rng.randrange(6))},
        categorical={rng.choice(NAMES): rng.choice(WORDS) for _ in range(rng.randrange(4))},
        record_id=rng.choice(WORDS),
    )
    return _request(method, batch, record, rng).SerializeToString()


def _request(
    method: str, batch: pb.RecordBatch, record: pb.Record, rng: random.Random
) -> pb.PredictRequest | pb.PredictBatchRequest | pb.PredictStreamRequest | pb.DescribeModelRequest:
    options = pb.PredictOptions(schema_fingerprint=rng.choice(["", "", "", "f"]))
    options.unknown_features = rng.choice([0, 1, 2, 99])  # type: ignore[assignment]  # 99 is none: the point
    choice = rng.choice(
        [None, None, pb.ModelChoice(version=-1), pb.ModelChoice(label="x"), pb.ModelChoice(digest="é")]
    )
    model = rng.choice(["", "", "", "toys", "\0", "none"])
    rows = pb.Records(records=[record] * rng.choice([0, 1, 3, 1_001]))
    match method:
        case "Predict":
            return pb.PredictRequest(model=model, choice=choice, record=record, options=options)
        case "PredictBatch" if rng.random() < 0.5:
            return pb.PredictBatchRequest(model=model, choice=choice, columns=batch, options=options)
        case "PredictBatch":
            return pb.PredictBatchRequest(model=model, choice=choice, rows=rows, options=options)
        case "PredictStream":
            return pb.PredictStreamRequest(chunk=pb.Chunk(sequence=rng.choice(COUNTS), columns=batch))
    return pb.DescribeModelRequest(model=model, choice=choice)


def _wire_tricks(method: str, rng: random.Random) -> bytes:
    """Legal protobuf that nobody writes: unknown fields, depth, repeated sub-messages, lengths that lie."""
    good = valid(method, rng)
    match rng.randrange(5):
        case 0:  # unknown fields of every wire type
            return good + b"\xfa\x3e\x03abc" + b"\xf8\x3e\x7f" + b"\xfd\x3e" + rng.randbytes(4)
        case 1:  # groups within groups
            return good + b"\xfb\x3e" * rng.choice([10, 99, 101, 5_000])
        case 2:  # a sub-message over and over: they merge
            return good * rng.choice([2, 50])
        case 3:  # a length far beyond the end
            return b"\x0a\xff\xff\xff\xff\x07" + good
        case _:  # a varint that never ends
            return b"\x80" * rng.choice([1, 10, 11, 1_000])


def delimited(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    size, length = len(content), b""
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content
