"""A batch is its rows: whatever the form, the order of columns, the precision and the neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from support.singles import ROW_ERROR, column_batches, rows, single, tables
from support.wire import Wire, batch_request, connect


@pytest.fixture(scope="module")
def wire(toy_server: App) -> Iterator[Wire]:
    with connect(toy_server.address) as wire:
        yield wire


@settings(max_examples=100, deadline=None)
@given(records=tables(64))
def test_records_are_answered_bit_for_bit_like_single_calls(wire: Wire, records: list[pb.Record]) -> None:
    answer = wire.predict_batch(batch_request("rows", records)).predictions
    assert rows(answer) == [single(wire, r) for r in records]


@settings(max_examples=100, deadline=None)
@given(case=column_batches(64))
def test_columns_are_answered_bit_for_bit_like_single_calls(
    wire: Wire, case: tuple[list[pb.Record], pb.PredictBatchRequest]
) -> None:
    records, request = case
    assert rows(wire.predict_batch(request).predictions) == [single(wire, r) for r in records]


@settings(max_examples=100, deadline=None)
@given(case=column_batches(32))
def test_floats_are_answered_bit_for_bit_like_the_doubles_they_widen_to(
    wire: Wire, case: tuple[list[pb.Record], pb.PredictBatchRequest]
) -> None:
    records, request = case
    assert rows(wire.predict_batch(request).predictions) == [single(wire, r) for r in records]


@settings(max_examples=30, deadline=None)
@given(records=tables(64), stray=st.sampled_from(["colour", "Ram", "\N{SNOWMAN}"]), at=st.integers(0, 8))
def test_a_row_with_an_unknown_name_leaves_its_neighbours_alone(
    wire: Wire, records: list[pb.Record], stray: str, at: int
) -> None:
    clean = rows(wire.predict_batch(batch_request("rows", records)).predictions)
    bad = pb.Record(numeric={"ram": 8.0, stray: 1.0})
    answer = wire.predict_batch(batch_request("rows", [*records[:at], bad, *records[at:]])).predictions
    got = rows(answer)
    where = min(at, len(records))
    refused = got.pop(where)
    assert refused[1:] == (ROW_ERROR, ["UNKNOWN_FEATURE"])
    assert got == clean
