"""A thousand bad records among a thousand good ones: all that is wrong is found, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.rpc import code_pb2

from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline.v1.pricing_service_pb2_grpc import PricingServiceStub
from ridgeline_client import InvalidInput
from ridgeline_client.status import error_of
from ridgeline_export.export import export_model
from support import corruptor, doors
from support.corruptor import Corruptor, Finding, Row, Spoilt
from support.doors import Answers, bit
from support.servers import serving
from support.techmart import TechMart

COUNT = 1_000
NAMED_IN_UNARY = 20
LISTED_IN_BATCH = 1_000
PER_CALL = 250
REQUIRED = ("weight", "memory", "average_rating", "brand", "sales_channel")
ROW_ERROR = bit(pb.NOTICE_KIND_ROW_ERROR)


@dataclass(frozen=True)
class Case:
    """Good and spoilt rows in random order."""

    rows: list[Spoilt]
    good: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @property
    def expected(self) -> Counter[tuple[int, Finding]]:
        return Counter((i, finding) for i, spoilt in enumerate(self.rows) for finding in spoilt.expected)


@pytest.fixture(scope="module")
def strict_stub(techmart: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PricingServiceStub]:
    """The stub of a server whose TechMart model requires a few features."""
    directory = tmp_path_factory.mktemp("strict")
    schema = (techmart / "schema.toml").read_text(encoding="utf-8")
    for name in REQUIRED:
        head = f'name = "{name}"\n'
        assert schema.count(head) == 1
        schema = schema.replace(head, f"{head}required = true\n")
    (directory / "schema.toml").write_text(schema, encoding="utf-8")
    created = datetime(2026, 6, 1, tzinfo=UTC)
    export_model(
        techmart / "training.csv", directory / "schema.toml", directory / "models", created=created
    )
    with serving(directory / "models") as app, grpc.insecure_channel(app.address) as channel:
        yield PricingServiceStub(channel)


@pytest.fixture(scope="module")
def features(strict_stub: PricingServiceStub) -> Sequence[pb.Feature]:
    described: pb.DescribeModelResponse = strict_stub.DescribeModel(pb.DescribeModelRequest(), timeout=30)
    assert {feature.name for feature in described.features if feature.required} == set(REQUIRED)
    return described.features


@pytest.fixture(scope="module")
def good_rows(notebook: TechMart, features: Sequence[pb.Feature]) -> list[Row]:
    """COUNT good rows and as many to be spoilt; one in five has numbers exactly on a valid bound."""
    frame = notebook.training.dropna(subset=list(REQUIRED)).sample(2 * COUNT, random_state=5)
    rng = np.random.default_rng(6)
    rows = []
    for record in doors.records(frame, notebook.numeric, notebook.categorical):
        row = Row(dict(record.numeric), dict(record.categorical))
        if rng.random() < 0.2:
            for feature in rng.choice(np.array(features, dtype=object), 8):
                if feature.kind == pb.FEATURE_KIND_NUMERIC:
                    row.numeric[feature.name] = rng.choice([feature.valid_min, feature.valid_max])
        rows.append(row)
    return rows


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
    return Case([rows[i] for i in order], order < COUNT)


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
        assert min(len(row.expected) for row, good in zip(case.rows, case.good, strict=True) if not good) == 1
        assert max(len(row.expected) for row in case.rows) > NAMED_IN_UNARY


def test_predict_finds_all_and_no_more(
    strict_stub: PricingServiceStub, records: Case, good_rows: list[Row]
) -> None:
    for spoilt, good in zip(records.rows, records.good, strict=True):
        if good:
            continue
        error = _refusal(strict_stub, spoilt.row)
        found = [Finding(v.feature, v.reason) for v in error.violations]
        assert error.violation_count == len(spoilt.expected)
        if len(spoilt.expected) <= NAMED_IN_UNARY:
            assert Counter(found) == Counter(spoilt.expected)
        else:
            assert len(found) == NAMED_IN_UNARY
            assert not Counter(found) - Counter(spoilt.expected)


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
        request.columns.CopyFrom(corruptor.columns([spoilt.row for spoilt in rows], features))
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
    order = np.random.default_rng(23).permutation(len(case.rows))
    among = answers[case.good]
    expected = alone[order[case.good]]
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


def test_what_no_row_can_be_blamed_for_fails_the_call_and_names_every_column(
    strict_stub: PricingServiceStub, good_rows: list[Row], features: Sequence[pb.Feature]
) -> None:
    batch = corruptor.columns(good_rows[:3], features)
    wrong_number = pb.CategoricalColumn(name="weight", dictionary=["light"], codes=[1, 1, 1])
    unknown_text = pb.CategoricalColumn(name="Colour", dictionary=["red"], codes=[1, 1, 1])
    kept = [column for column in batch.categorical if column.name != "brand"]
    numeric = [name for name in batch.numeric.names if name != "weight"]
    names = [*numeric, "memory", "brand", "Weight"]
    spoilt = pb.RecordBatch(
        row_count=3,
        numeric=pb.NumericColumns(names=names, double_values=pb.DoubleMatrix(values=[1.0] * 3 * len(names))),
        categorical=[*kept, wrong_number, unknown_text],
    )
    with pytest.raises(grpc.RpcError) as raised:
        strict_stub.PredictBatch(pb.PredictBatchRequest(columns=spoilt), timeout=30)
    error = error_of(raised.value, "", 30)
    assert isinstance(error, InvalidInput)
    assert Counter((v.feature, v.reason) for v in error.violations) == Counter(
        [
            ("memory", Reason.DUPLICATE_FEATURE),
            ("brand", Reason.WRONG_KIND),
            ("weight", Reason.WRONG_KIND),
            ("Weight", Reason.UNKNOWN_FEATURE),
            ("Colour", Reason.UNKNOWN_FEATURE),
        ]
    )


def test_a_required_column_that_is_not_sent_is_missing_in_every_row(
    strict_stub: PricingServiceStub, good_rows: list[Row], features: Sequence[pb.Feature]
) -> None:
    sent = [feature for feature in features if feature.name not in ("weight", "brand")]
    request = pb.PredictBatchRequest(columns=corruptor.columns(good_rows[:4], sent))
    batch = strict_stub.PredictBatch(request, timeout=30).predictions
    found = Counter((error.row, error.feature, error.reason) for error in batch.row_errors)
    missing = Reason.REQUIRED_FEATURE_MISSING
    assert found == Counter((row, name, missing) for row in range(4) for name in ("weight", "brand"))
