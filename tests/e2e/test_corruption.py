"""A thousand bad records among a thousand good ones: all that is wrong is found, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
import numpy as np
import numpy.typing as npt
import pytest
from google.rpc import code_pb2

from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline.v1.pricing_service_pb2_grpc import PricingServiceStub
from ridgeline_client import InvalidInput
from ridgeline_client.status import error_of
from support import doors
from support.corruptor import Corruptor, Finding, Spoilt
from support.doors import Answers
from support.rows import Row, columns

COUNT = 1_000
NAMED_IN_UNARY = 20
LISTED_IN_BATCH = 1_000
PER_CALL = 250


@dataclass(frozen=True)
class Case:
    """COUNT good rows and COUNT spoilt ones in random order."""

    rows: list[Spoilt]
    order: npt.NDArray[np.int64]
    """Where each row came from: below COUNT is a good one."""

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        return self.order < COUNT

    @property
    def expected(self) -> Counter[tuple[int, Finding]]:
        return Counter((i, finding) for i, spoilt in enumerate(self.rows) for finding in spoilt.expected)


@pytest.fixture(scope="module")
def records(good_rows: list[Row], features: Sequence[pb.Feature]) -> Case:
    """Rows spoilt as records can be."""
    spoiler = Corruptor(features, seed=21)
    return _mixed(good_rows, [spoiler.spoil(row, spoiler.record_ways) for row in good_rows[COUNT:]])


@pytest.fixture(scope="module")
def cells(good_rows: list[Row], features: Sequence[pb.Feature]) -> Case:
    """Rows spoilt as rows of columns can be."""
    spoiler = Corruptor(features, seed=22)
    return _mixed(good_rows, [spoiler.spoil(row, spoiler.column_ways) for row in good_rows[COUNT:]])


def _mixed(good: list[Row], spoilt: list[Spoilt]) -> Case:
    rows = [Spoilt(row) for row in good[:COUNT]] + spoilt
    order = np.random.default_rng(23).permutation(len(rows))
    return Case([rows[i] for i in order], order)


@pytest.fixture(scope="module")
def alone(strict_stub: PricingServiceStub, good_rows: list[Row]) -> Answers:
    """What each good row costs when it is asked for alone."""
    return doors.by_predict(strict_stub, [row.record() for row in good_rows[:COUNT]])


def test_the_cases_are_wide_enough(records: Case, cells: Case) -> None:
    assert len(records.rows) == len(cells.rows) == 2 * COUNT
    planted = Counter(finding.reason for case in (records, cells) for _, finding in case.expected.elements())
    assert set(planted) == {
        Reason.NOT_FINITE, Reason.OUT_OF_VALID_RANGE, Reason.UNKNOWN_FEATURE, Reason.WRONG_KIND,
        Reason.EMPTY_RECORD, Reason.REQUIRED_FEATURE_MISSING, Reason.CODE_OUT_OF_DICTIONARY,
    }  # fmt: skip
    assert min(planted.values()) >= 50
    for case in (records, cells):
        assert [not spoilt.expected for spoilt in case.rows] == case.good.tolist()
        assert max(len(spoilt.expected) for spoilt in case.rows) > NAMED_IN_UNARY


def test_predict_finds_all_and_no_more(strict_stub: PricingServiceStub, records: Case) -> None:
    found: Counter[tuple[int, Finding]] = Counter()
    for i, spoilt in enumerate(records.rows):
        if not spoilt.expected:
            continue
        error = _refusal(strict_stub, spoilt.row)
        named = Counter((i, Finding(v.feature, v.reason)) for v in error.violations)
        assert error.violation_count == len(spoilt.expected)
        if len(spoilt.expected) > NAMED_IN_UNARY:
            # At most so many, fewer when the texts are long: a status must fit into the trailers of a call.
            assert NAMED_IN_UNARY // 2 <= named.total() <= NAMED_IN_UNARY
            named |= Counter((i, finding) for finding in spoilt.expected)
        found += named
    assert found == records.expected


def _refusal(stub: PricingServiceStub, row: Row) -> InvalidInput:
    with pytest.raises(grpc.RpcError) as raised:
        stub.Predict(pb.PredictRequest(record=row.record()), timeout=30)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    error = error_of(raised.value, "", 30)
    assert isinstance(error, InvalidInput)
    return error


@pytest.fixture(scope="module", params=["rows", "columns"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def case(form: str, records: Case, cells: Case) -> Case:
    return records if form == "rows" else cells


def _ask(
    stub: PricingServiceStub, form: str, rows: Sequence[Spoilt], features: Sequence[pb.Feature]
) -> pb.PredictionBatch:
    request = pb.PredictBatchRequest()
    if form == "rows":
        request.rows.records.extend(spoilt.row.record() for spoilt in rows)
    else:
        request.columns.CopyFrom(columns([spoilt.row for spoilt in rows], features))
    answer: pb.PredictBatchResponse = stub.PredictBatch(request, timeout=30)
    return answer.predictions


@pytest.fixture(scope="module")
def batches(
    strict_stub: PricingServiceStub, form: str, case: Case, features: Sequence[pb.Feature]
) -> list[pb.PredictionBatch]:
    """The answers, PER_CALL rows at a time, so that every violation is listed."""
    starts = range(0, len(case.rows), PER_CALL)
    return [_ask(strict_stub, form, case.rows[i : i + PER_CALL], features) for i in starts]


def test_a_batch_finds_all_and_no_more(batches: list[pb.PredictionBatch], case: Case) -> None:
    found: Counter[tuple[int, Finding]] = Counter()
    for number, batch in enumerate(batches):
        assert batch.row_error_count == len(batch.row_errors)
        for error in batch.row_errors:
            assert error.code == code_pb2.INVALID_ARGUMENT
            assert error.message
            found[number * PER_CALL + error.row, Finding(error.feature, error.reason)] += 1
    assert found == case.expected


def test_good_rows_beside_bad_ones_cost_what_they_cost_alone(
    batches: list[pb.PredictionBatch], case: Case, alone: Answers
) -> None:
    answers = doors.joined(batches)
    np.testing.assert_array_equal(answers.has(pb.NOTICE_KIND_ROW_ERROR), ~case.good)
    assert sum(batch.error_row_count for batch in batches) == COUNT
    assert np.isnan(answers.price[~case.good]).all()
    assert np.isnan(answers.model_price[~case.good]).all()
    among, expected = answers[case.good], alone[case.order[case.good]]
    assert np.isfinite(expected.price).all()
    np.testing.assert_array_equal(among.price, expected.price)
    np.testing.assert_array_equal(among.model_price, expected.model_price)
    np.testing.assert_array_equal(among.flags, expected.flags)


def test_beyond_a_thousand_violations_are_counted_and_the_first_are_listed(
    strict_stub: PricingServiceStub, form: str, case: Case, features: Sequence[pb.Feature]
) -> None:
    rows = case.rows[:1_000]
    expected = [(i, finding) for i, spoilt in enumerate(rows) for finding in spoilt.expected]
    assert len(expected) > LISTED_IN_BATCH
    batch = _ask(strict_stub, form, rows, features)
    assert batch.row_error_count == len(expected)
    assert batch.error_row_count == sum(bool(spoilt.expected) for spoilt in rows)
    listed = [(error.row, Finding(error.feature, error.reason)) for error in batch.row_errors]
    assert [row for row, _ in listed] == [row for row, _ in expected[:LISTED_IN_BATCH]]
    assert not Counter(listed) - Counter(expected)
