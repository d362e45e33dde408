from __future__ import annotations

import math

import numpy as np
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import NoticeKind, answers
from ridgeline_client.results import Contribution, Explanation


def batch_answer(**changes: object) -> pb.PredictBatchResponse:
    batch = pb.PredictionBatch(
        row_count=3,
        price=[10.0, math.nan, 30.0],
        model_price=[5.0, math.nan, 30.0],
        lower=[math.nan, math.nan, 20.0],
        upper=[math.nan, math.nan, 40.0],
        flags=[NoticeKind.CLAMPED_LOW.bit | NoticeKind.IMPUTED.bit, NoticeKind.ROW_ERROR.bit, 0],
        notice_counts=[pb.NoticeCount(kind=pb.NOTICE_KIND_IMPUTED, feature="b", count=1)],
        notice_bitmaps=[pb.NoticeBitmap(kind=pb.NOTICE_KIND_IMPUTED, bits=bytes([0b00000010]))],
        row_errors=[pb.RowError(row=1, feature="a", code=3, reason="NOT_FINITE", message="inf")],
        row_error_count=1,
        error_row_count=1,
    )
    return pb.PredictBatchResponse(
        model=pb.ModelRef(name="m", version=2, digest="d"), currency_code="EUR", predictions=batch
    )


def test_notice_kinds_are_the_contracts() -> None:
    contract = {name.removeprefix("NOTICE_KIND_"): number for name, number in pb.NoticeKind.items() if number}
    assert {kind.name: kind.value for kind in NoticeKind} == contract


def test_a_kind_only_a_newer_server_knows_keeps_its_number() -> None:
    kind = NoticeKind(23)
    assert (kind.name, kind.bit) == ("KIND_23", 1 << 22)
    with pytest.raises(ValueError, match="-1"):
        NoticeKind(-1)


def test_an_unknown_kind_is_one_object_and_has_a_bit_only_inside_flags() -> None:
    assert NoticeKind(24) is NoticeKind(24)
    assert [NoticeKind(number).bit for number in (0, 31, 32, 40)] == [0, 1 << 30, 0, 0]
    assert not answers.prediction_batch(batch_answer(), ()).rows_with(NoticeKind(40)).any()


def test_batch_answers_become_arrays() -> None:
    batch = answers.prediction_batch(batch_answer(), ("a", "b"))
    assert len(batch) == 3
    np.testing.assert_array_equal(batch.price, [10.0, np.nan, 30.0])
    np.testing.assert_array_equal(batch.model_price, [5.0, np.nan, 30.0])
    np.testing.assert_array_equal(batch.lower, [np.nan, np.nan, 20.0])
    np.testing.assert_array_equal(batch.upper, [np.nan, np.nan, 40.0])
    assert batch.rows_with(NoticeKind.CLAMPED_LOW).tolist() == [True, False, False]
    assert batch.rows_with(NoticeKind.ROW_ERROR).tolist() == [False, True, False]
    assert batch.rows_with(NoticeKind.IMPUTED).dtype == np.bool_
    assert [(c.kind, c.feature, c.count) for c in batch.notice_counts] == [(NoticeKind.IMPUTED, "b", 1)]
    assert [(e.row, e.reason) for e in batch.row_errors] == [(1, "NOT_FINITE")]
    assert (batch.row_error_count, batch.error_row_count, batch.currency) == (1, 1, "EUR")
    assert list(batch.columns()) == ["price", "model_price", "lower", "upper", "flags"]


def test_results_cannot_be_written_to() -> None:
    batch = answers.prediction_batch(batch_answer(), ())
    with pytest.raises(ValueError, match="read-only"):
        batch.price[0] = 1.0


def test_bitmaps_become_cells() -> None:
    batch = answers.prediction_batch(batch_answer(), ("a", "b"))
    assert batch.cells(NoticeKind.IMPUTED).tolist() == [[False, True], [False, False], [False, False]]
    assert not batch.cells(NoticeKind.UNKNOWN_CATEGORY).any()
    assert batch.cells(NoticeKind.UNKNOWN_CATEGORY).shape == (3, 2)


def test_cells_without_bitmaps_say_how_to_get_them() -> None:
    with pytest.raises(ValueError, match="notice_bitmaps=True"):
        answers.prediction_batch(batch_answer(), ()).cells(NoticeKind.IMPUTED)


def test_the_largest_contributions_come_first_whatever_their_sign() -> None:
    parts = (Contribution("a", 1.0), Contribution("b", -5.0), Contribution("c", 3.0))
    assert [part.feature for part in Explanation(100.0, parts).largest(2)] == ["b", "c"]


def test_an_answer_without_an_explanation_has_none() -> None:
    wire = pb.PredictResponse(prediction=pb.Prediction(price=5.0, flags=NoticeKind.FALLBACK.bit))
    answer = answers.prediction(wire)
    assert answer.explanation is None
    assert answer.has(NoticeKind.FALLBACK)
    assert not answer.has(NoticeKind.IMPUTED)


def test_bounds_that_are_not_there_are_none_and_zero_is_a_bound() -> None:
    wire = pb.DescribeModelResponse(
        features=[pb.Feature(name="a", kind=pb.FEATURE_KIND_NUMERIC, valid_min=0.0)]
    )
    (feature,) = answers.model_description(wire).features
    assert (feature.valid_min, feature.valid_max, feature.training_min) == (0.0, None, None)
