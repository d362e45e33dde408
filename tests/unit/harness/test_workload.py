from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cells import UNSEEN_TEXTS
from harness.rows import DEFAULT_SHARES, INVALID_EVERY, Rows, Shares
from harness.workload import Workload
from ridgeline import missing
from ridgeline.coded import CodedCategories
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client.answers import model_description
from ridgeline_client.description import Category, Feature, ModelDescription
from support import stub_server

NAMES = st.text(min_size=1, max_size=4)
TOKENS = ("n/a", "-1", "unseen 3")
FINITE = st.floats(-1e6, 1e6).filter(
    lambda end: end != -1
)  # a training range that is all missing has no value


def a_feature(name: str, kind: Any = "numeric", **facts: Any) -> Feature:
    blank = Feature(
        name, kind, "", "", False, None, None, None, None, missing_rate=0.0, acceptable_missing_rate=0.0,
        categories=(), importance_rank=1,
    )  # fmt: skip
    return replace(blank, **facts)


@st.composite
def numeric_features(draw: st.DrawFn, name: str) -> Feature:
    ends = sorted(draw(st.lists(FINITE, min_size=4, max_size=4)))
    trained = draw(st.booleans())
    return a_feature(
        name,
        required=draw(st.booleans()),
        valid_min=ends[0] if draw(st.booleans()) else None,
        valid_max=ends[3] if draw(st.booleans()) else None,
        training_min=ends[1] if trained else None,
        training_max=ends[2] if trained else None,
    )


@st.composite
def categorical_features(draw: st.DrawFn, name: str) -> Feature:
    values = draw(st.lists(st.sampled_from(["", "a", "b", "7", "n/a", "unseen 1"]), max_size=4, unique=True))
    categories = tuple(Category(value, 1 / len(values)) for value in values)
    return a_feature(name, "categorical", required=draw(st.booleans()), categories=categories)


@st.composite
def descriptions(draw: st.DrawFn) -> ModelDescription:
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    features = [draw(st.one_of(numeric_features(name), categorical_features(name))) for name in names]
    return described(features)


def described(features: Sequence[Feature] = ()) -> ModelDescription:
    wire = model_description(stub_server.description())
    return replace(wire, missing_tokens=TOKENS, features=tuple(features) or wire.features)


blocks_take_time = settings(deadline=None, max_examples=30)
shares = st.builds(Shares, *[st.sampled_from([0.0, 0.1, 0.5, 1.0])] * 3)


def values(rows: Rows) -> list[list[Any]]:
    """Rows of values; NaN and "" for missing."""
    columns = [c.values() if isinstance(c, CodedCategories) else c for c in rows.columns.values()]
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return missing.category(value, TOKENS) == missing.MISSING_CATEGORY
    return math.isnan(value) or value in missing.missing_numbers(TOKENS)


def is_invalid(feature: Feature, value: Any) -> bool:
    if is_missing(value) or isinstance(value, str):
        return False
    low = -math.inf if feature.valid_min is None else feature.valid_min
    high = math.inf if feature.valid_max is None else feature.valid_max
    return not low <= value <= high


def reason_of(features: Sequence[Feature], row: Sequence[Any]) -> Reason | None:
    """Why the contract has this row refused."""
    if all(map(is_missing, row)):
        return Reason.EMPTY_RECORD
    if any(isinstance(value, float) and math.isinf(value) for value in row):
        return Reason.NOT_FINITE
    if any(is_invalid(feature, value) for feature, value in zip(features, row, strict=True)):
        return Reason.OUT_OF_VALID_RANGE
    if any(f.required and is_missing(value) for f, value in zip(features, row, strict=True)):
        return Reason.REQUIRED_FEATURE_MISSING
    return None


@blocks_take_time
@given(descriptions(), shares, st.integers(0, 99))
def test_of_any_model_exactly_the_rows_named_break_the_contract_and_for_the_reason_named(
    description: ModelDescription, shares: Shares, seed: int
) -> None:
    rows = Workload(description, seed, shares).rows(0, 200)
    reasons = {row: reason_of(description.features, told) for row, told in enumerate(values(rows))}
    assert {row: reason for row, reason in reasons.items() if reason} == rows.faults


@blocks_take_time
@given(descriptions(), st.integers(0, 3_000), st.integers(1, 8))
def test_one_row_in_fifty_is_invalid_wherever_one_looks(
    description: ModelDescription, fifty: int, fifties: int
) -> None:
    faults = Workload(description, 0).rows(fifty * INVALID_EVERY, fifties * INVALID_EVERY).faults
    assert INVALID_EVERY == 50
    assert sorted(row // INVALID_EVERY for row in faults) == list(range(fifties))


@blocks_take_time
@given(descriptions(), st.lists(st.integers(1, 700), min_size=2, max_size=5))
def test_a_row_is_the_same_however_rows_are_cut_into_requests(
    description: ModelDescription, lengths: list[int]
) -> None:
    whole = Workload(description, 5).rows(0, sum(lengths))
    cut: list[list[Any]] = []
    faults: dict[int, Reason] = {}
    start = 0
    for length in lengths:
        part = Workload(description, 5).rows(start, length)
        cut += values(part)
        faults |= {start + row: reason for row, reason in part.faults.items()}
        start += length
    assert repr(cut) == repr(values(whole))
    assert faults == whole.faults


def test_another_seed_gives_other_rows() -> None:
    assert values(Workload(described(), 1).rows(0, 50)) != values(Workload(described(), 2).rows(0, 50))


def test_the_same_seed_gives_the_same_bytes() -> None:
    ours, theirs = Workload(described(), 1), Workload(described(), 1)
    assert ours.batch(7, 100) == theirs.batch(7, 100)
    assert ours.chunk(3, 100) == theirs.chunk(3, 100)


def test_cells_are_missing_unseen_and_outside_in_the_shares_asked_for() -> None:
    number = a_feature("number", training_min=0.0, training_max=1.0, valid_min=-1.0)
    category = a_feature("category", "categorical", categories=(Category("x", 0.7), Category("y", 0.3)))
    asked = Shares(missing=0.1, unseen=0.3, outside=0.2)
    rows = Workload(described([number, category]), 1, asked).rows(0, 50_000)
    numbers, categories = rows.columns["number"], rows.columns["category"]
    assert isinstance(numbers, np.ndarray)
    assert isinstance(categories, CodedCategories)
    given_numbers = numbers[~np.isnan(numbers)]
    texts = categories.values()
    given_texts = texts[texts != ""]
    assert np.mean(np.isnan(numbers)) == pytest.approx(0.1, rel=0.05)
    assert np.mean(texts == "") == pytest.approx(0.1, rel=0.05)
    assert np.mean((given_numbers < 0) | (given_numbers > 1)) == pytest.approx(0.2, rel=0.1)
    assert (given_numbers < 0).any()
    assert (given_numbers > 1).any()
    assert np.mean(~np.isin(given_texts, ["x", "y"])) == pytest.approx(0.3, rel=0.05)
    assert np.mean(given_texts == "x") == pytest.approx(0.7 * 0.7, rel=0.05)
    assert len(set(given_texts)) == 2 + UNSEEN_TEXTS


def test_nothing_is_missing_unseen_or_outside_when_nothing_is_asked_for() -> None:
    number = a_feature("number", training_min=0.0, training_max=1.0)
    category = a_feature("category", "categorical", categories=(Category("x", 1.0),))
    rows = Workload(described([number, category]), 1, Shares(0, 0, 0)).rows(0, 1_000)
    for row, (one, other) in enumerate(values(rows)):
        assert row in rows.faults or (0 <= one <= 1 and other == "x")


def test_a_share_that_is_none_is_refused_with_all_others() -> None:
    with pytest.raises(ValueError, match=r"missing is 1.5, outside is -0.1: expected .* 0 to 1"):
        Shares(missing=1.5, outside=-0.1)


def test_all_forms_of_a_request_hold_the_same_rows() -> None:
    workload = Workload(described(), 2, Shares(missing=0.3))
    rows = workload.rows(400, 200)
    records = [pb.PredictRequest.FromString(request.data).record for request in workload.unary(200, 400)]
    batch = pb.PredictBatchRequest.FromString(workload.batch(400, 200).data).columns
    chunk = pb.PredictStreamRequest.FromString(workload.chunk(2, 200).data).chunk
    assert chunk.sequence == 2
    assert chunk.columns == batch
    expected = [
        {n: v for n, v in zip(rows.columns, row, strict=True) if not is_missing(v)} for row in values(rows)
    ]
    assert [{**record.numeric, **record.categorical} for record in records] == expected
    assert unpacked(batch) == expected


def unpacked(batch: pb.RecordBatch) -> list[dict[str, object]]:
    names = list(batch.numeric.names)
    flat = list(batch.numeric.double_values.values)
    found: list[dict[str, object]] = []
    for row in range(batch.row_count):
        numbers = dict(zip(names, flat[row * len(names) :], strict=False))
        texts = {c.name: ["", *c.dictionary][c.codes[row]] for c in batch.categorical}
        found.append({n: v for n, v in {**numbers, **texts}.items() if not is_missing(v)})
    return found


def test_single_requests_say_of_themselves_whether_they_must_be_refused() -> None:
    workload = Workload(described(), 2)
    requests = workload.unary(100, 30)
    faults = workload.rows(30, 100).faults
    assert {row: request.faults[0] for row, request in enumerate(requests) if request.faults} == faults


def test_requests_name_the_model_that_was_described() -> None:
    workload = Workload(described(), 0, DEFAULT_SHARES)
    assert pb.PredictRequest.FromString(workload.unary(1)[0].data).model == "techmart"
    assert pb.PredictBatchRequest.FromString(workload.batch(0, 1).data).model == "techmart"
    assert pb.PredictStreamRequest.FromString(workload.opening()).open.model == "techmart"


@pytest.mark.parametrize("row_count", [0, 10_001])
def test_more_rows_than_the_server_takes_are_refused_before_anything_is_sent(row_count: int) -> None:
    for make in (Workload(described(), 0).batch, Workload(described(), 0).chunk):
        with pytest.raises(ValueError, match=r"rows in a message: the server takes 1 to 10,000"):
            make(0, row_count)
