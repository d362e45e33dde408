"""Rows of `support.toys` as properties draw them, and what one row is answered: alone or among others."""

from __future__ import annotations

import math
import struct
from typing import Any, Literal

import grpc
from hypothesis import strategies as st

from ridgeline.v1 import pricing_service_pb2 as pb
from support.status import decode
from support.toys import CATEGORICAL, NUMERIC
from support.wire import Wire, categorical_column

ROW_ERROR = 1 << (pb.NOTICE_KIND_ROW_ERROR - 1)
PRICES = ("price", "model_price", "lower", "upper")
Width = Literal[32, 64]

Answer = tuple[bytes, int, list[str]]
"""Bits of the four numbers in PRICES, flags, and the reasons for which the row was refused."""

TEXTS = st.one_of(
    st.sampled_from(["NA", "None", "nan", "007", "Acme", "1", "3", "7", "", "n/a"]),
    st.text(st.characters(codec="utf-8"), max_size=4),
)


def numbers(width: Width) -> st.SearchStrategy[float]:
    """Values a row may carry; some are infinite or outside the valid range and refuse it."""
    sane = st.floats(0.125, 64, width=width)
    wild = st.floats(width=width)
    return st.one_of(sane, sane, sane, st.just(math.nan), wild)


def tables(width: Width, fewest: int = 1, most: int = 8) -> st.SearchStrategy[list[pb.Record]]:
    """From `fewest` to `most` records; every feature may be absent."""
    numeric = st.dictionaries(st.sampled_from(NUMERIC), numbers(width))
    categorical = st.dictionaries(st.sampled_from(CATEGORICAL), TEXTS)
    record = st.builds(pb.Record, numeric=numeric, categorical=categorical)
    return st.lists(record, min_size=fewest, max_size=most)


@st.composite
def column_batches(
    draw: st.DrawFn, width: Width, most: int = 8
) -> tuple[list[pb.Record], pb.PredictBatchRequest]:
    """Records and the same rows in columns: drawn order, drawn dictionaries."""
    records = draw(tables(width, most=most))
    names = draw(st.permutations(NUMERIC))
    values = [r.numeric.get(n, math.nan) for r in records for n in names]
    matrix: dict[str, Any] = (
        {"float_values": pb.FloatMatrix(values=values)}
        if width == 32
        else {"double_values": pb.DoubleMatrix(values=values)}
    )
    columns = [
        categorical_column(n, [r.categorical.get(n, "") for r in records])
        for n in draw(st.permutations(CATEGORICAL))
    ]
    batch = pb.RecordBatch(
        row_count=len(records), numeric=pb.NumericColumns(names=names, **matrix), categorical=columns
    )
    return records, pb.PredictBatchRequest(columns=batch)


def bits(*four: float) -> bytes:
    """What four doubles are, to the last bit."""
    return struct.pack("4d", *four)


def refusal(reasons: list[str]) -> Answer:
    """The answer to a row that was refused."""
    return bits(*[math.nan] * 4), ROW_ERROR, sorted(reasons)


def single(wire: Wire, record: pb.Record) -> Answer:
    """What Predict answers to a record."""
    try:
        got = wire.ask("predict", record).prediction
    except grpc.RpcError as error:
        refused = decode(error)
    else:
        return bits(*(getattr(got, field) for field in PRICES)), got.flags, []
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    return refusal([reason for _, reason in refused.paths])


def rows(answer: pb.PredictionBatch) -> list[Answer]:
    """The answer to every row of a batch."""
    reasons: list[list[str]] = [[] for _ in range(answer.row_count)]
    for error in answer.row_errors:
        reasons[error.row].append(error.reason)
    four = zip(*(getattr(answer, field) for field in PRICES), strict=True)
    return [
        (bits(*prices), flags, sorted(why))
        for prices, flags, why in zip(four, answer.flags, reasons, strict=True)
    ]
