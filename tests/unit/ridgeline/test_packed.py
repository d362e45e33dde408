"""Fields made from arrays are the bytes protobuf would have made."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridgeline import packed
from ridgeline.v1 import pricing_service_pb2 as pb

FIELDS = pb.PredictionBatch


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=300))
def test_doubles_are_protobufs_bytes(values: list[float]) -> None:
    made = packed.reals(FIELDS.MODEL_PRICE_FIELD_NUMBER, np.array(values, dtype=np.float64))
    assert b"".join(made) == pb.PredictionBatch(model_price=values).SerializeToString()


@given(st.lists(st.floats(width=32), max_size=300))
def test_floats_are_protobufs_bytes(values: list[float]) -> None:
    made = packed.reals(pb.FloatMatrix.VALUES_FIELD_NUMBER, np.array(values, dtype=np.float32))
    assert b"".join(made) == pb.FloatMatrix(values=values).SerializeToString()


def test_a_matrix_is_its_rows_whatever_its_layout_and_byte_order() -> None:
    rows = np.arange(12, dtype=np.float64).reshape(3, 4)
    expected = pb.DoubleMatrix(values=rows.reshape(-1).tolist()).SerializeToString()
    for matrix in (rows, np.asfortranarray(rows), rows.astype(">f8"), np.repeat(rows, 2, axis=1)[:, ::2]):
        assert b"".join(packed.reals(pb.DoubleMatrix.VALUES_FIELD_NUMBER, matrix)) == expected


@given(st.lists(st.integers(0, 200) | st.integers(0, 2**14) | st.integers(0, 2**31 - 1), max_size=300))
def test_counts_are_protobufs_bytes(values: list[int]) -> None:
    made = packed.counts(FIELDS.FLAGS_FIELD_NUMBER, np.array(values, dtype=np.int32))
    assert b"".join(made) == pb.PredictionBatch(flags=values).SerializeToString()


@pytest.mark.parametrize("edge", [127, 128, 2**14 - 1, 2**14, 2**21 - 1, 2**21, 2**28 - 1, 2**28, 2**31 - 1])
def test_counts_at_the_ends_of_lengths(edge: int) -> None:
    values = [0, edge, 1, edge]
    made = packed.counts(FIELDS.FLAGS_FIELD_NUMBER, np.array(values, dtype=np.int32))
    assert b"".join(made) == pb.PredictionBatch(flags=values).SerializeToString()


@given(st.integers(1, 2**31 - 1))
def test_a_count_is_protobufs_bytes(value: int) -> None:
    made = packed.count(pb.NoticeCount.COUNT_FIELD_NUMBER, value)
    assert made == pb.NoticeCount(count=value).SerializeToString()


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more, got -1"):
        packed.counts(6, np.array([3, -1], dtype=np.int32))


@pytest.mark.parametrize(
    "content", [pb.PredictionBatch(), pb.PredictionBatch(row_count=3, price=[math.pi] * 99)]
)
def test_a_message_gets_one_more_field_and_has_it_even_when_it_is_empty(content: pb.PredictionBatch) -> None:
    more = packed.message(pb.ChunkResult.PREDICTIONS_FIELD_NUMBER, [content.SerializeToString()])
    made = b"".join([pb.ChunkResult(sequence=7).SerializeToString(), *more])
    assert pb.ChunkResult.FromString(made) == pb.ChunkResult(sequence=7, predictions=content)
    assert pb.ChunkResult.FromString(made).WhichOneof("outcome") == "predictions"


@pytest.mark.parametrize("length", [0, 1, 127, 128, 20_000])
def test_a_short_message_is_protobufs_bytes(length: int) -> None:
    text = "n" * length
    made = packed.short_message(pb.NoticeCount.FEATURE_FIELD_NUMBER, text.encode())
    assert pb.NoticeCount.FromString(made) == pb.NoticeCount(feature=text)
    assert [made] == [b"".join(packed.message(pb.NoticeCount.FEATURE_FIELD_NUMBER, [text.encode()]))]
