"""Batches that are wrong in a way no row can be blamed for: names, lengths, no payload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from support.status import is_field_path, refused
from support.wire import Wire, categorical_column, columns, connect, record

INVALID = grpc.StatusCode.INVALID_ARGUMENT
GOOD = record()


@pytest.fixture(scope="module")
def wire(toy_server: App) -> Iterator[Wire]:
    with connect(toy_server.address) as wire:
        yield wire


def batch(**changes: Any) -> pb.PredictBatchRequest:
    """Two good rows in columns with some fields replaced."""
    message = columns([GOOD, GOOD])
    for name in changes:
        message.ClearField(name)
    message.MergeFrom(pb.RecordBatch(**changes))
    return pb.PredictBatchRequest(columns=message)


def numbers(*names: str, count: int | None = None) -> pb.NumericColumns:
    values = [1.0] * (2 * len(names) if count is None else count)
    return pb.NumericColumns(names=names, double_values=pb.DoubleMatrix(values=values))


def texts(*names: str) -> list[pb.CategoricalColumn]:
    return [categorical_column(name, ["Acme", "Acme"]) for name in names]


BATCHES = [
    (batch(numeric=numbers("ram", "colour")), [("numeric.names[1]", "UNKNOWN_FEATURE")]),
    (batch(numeric=numbers("brand")), [("numeric.names[0]", "WRONG_KIND")]),
    (batch(numeric=numbers("ram", "weight", "ram")), [("numeric.names[2]", "DUPLICATE_FEATURE")]),
    (batch(categorical=texts("brand", "colour")), [("categorical[1].name", "UNKNOWN_FEATURE")]),
    (batch(categorical=texts("ram")), [("categorical[0].name", "WRONG_KIND")]),
    (batch(categorical=texts("brand", "brand")), [("categorical[1].name", "DUPLICATE_FEATURE")]),
    (batch(numeric=numbers("ram", "weight", count=3)), [("numeric.double_values.values", "WRONG_LENGTH")]),
    (batch(numeric=pb.NumericColumns(names=["ram"])), [("numeric.double_values.values", "WRONG_LENGTH")]),
    (
        batch(
            numeric=numbers("ram", count=1),
            categorical=[pb.CategoricalColumn(name="brand", dictionary=["Acme"], codes=[1])],
            record_ids=["a"],
            event_times_us=[1, 2, 3],
        ),
        [
            ("numeric.double_values.values", "WRONG_LENGTH"),
            ("categorical[0].codes", "WRONG_LENGTH"),
            ("record_ids", "WRONG_LENGTH"),
            ("event_times_us", "WRONG_LENGTH"),
        ],
    ),
    (pb.PredictBatchRequest(columns=pb.RecordBatch(row_count=-1)), [("row_count", "INVALID_FIELD")]),
]


@pytest.mark.parametrize(("request_", "expected"), BATCHES)
def test_what_no_row_can_be_blamed_for_fails_the_batch(
    wire: Wire, request_: pb.PredictBatchRequest, expected: list[tuple[str, str]]
) -> None:
    refusal = refused(lambda: wire.predict_batch(request_))
    assert refusal.code is INVALID
    assert refusal.paths == [(f"columns.{path}", reason) for path, reason in expected]
    assert all(is_field_path(pb.PredictBatchRequest, path) for path, _ in refusal.paths)
    assert refusal.violation_count == len(expected)


def test_a_batch_without_payload_is_refused(wire: Wire) -> None:
    refusal = refused(lambda: wire.predict_batch(pb.PredictBatchRequest()))
    assert refusal.code is INVALID
    assert refusal.paths == [("payload", "PAYLOAD_MISSING")]


@pytest.mark.parametrize("policy", [pb.UNKNOWN_FEATURES_REJECT, pb.UNKNOWN_FEATURES_IGNORE_AND_REPORT])
@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_a_flood_of_names_is_one_violation(wire: Wire, kind: str, policy: pb.UnknownFeatures) -> None:
    batch = pb.RecordBatch()
    for i in range(5_000):
        if kind == "numeric":
            batch.numeric.names.append("")
        else:
            batch.categorical.add(name=str(i))
    request = pb.PredictBatchRequest(columns=batch, options=pb.PredictOptions(unknown_features=policy))
    refusal = refused(lambda: wire.predict_batch(request))
    assert refusal.code is INVALID
    assert len(refusal.violations) == 1
    assert refusal.violation_count > 4_900


def test_rows_without_columns_are_refused_before_anything_is_made_of_them(wire: Wire) -> None:
    request = pb.PredictBatchRequest(columns=pb.RecordBatch(row_count=10_000))
    refusal = refused(lambda: wire.predict_batch(request))
    assert (refusal.code, refusal.paths) == (INVALID, [("columns.row_count", "EMPTY_RECORD")])
