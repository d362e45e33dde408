"""Answers to good requests: prices, notices, flags, bitmaps, intervals, order."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterator

import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from support.formula import CELL_KINDS, bitmap_cells, kinds, model_price, notice_cells
from support.wire import DOORS, Wire, batch_request, connect, record

IMPUTED, UNKNOWN, OUTSIDE = CELL_KINDS
LOW, HIGH, FALLBACK = pb.NOTICE_KIND_CLAMPED_LOW, pb.NOTICE_KIND_CLAMPED_HIGH, pb.NOTICE_KIND_FALLBACK
NO_INTERVAL = {LOW, HIGH, FALLBACK}

SPARSE = pb.Record(numeric={"ram": 8.0})
ROWS: list[tuple[pb.Record, set[tuple[int, str]]]] = [
    (record(), set()),
    (record(ram=None, brand=""), {(IMPUTED, "ram"), (IMPUTED, "brand")}),
    (record(ram=math.nan, port_code="n/a"), {(IMPUTED, "ram"), (IMPUTED, "port_code")}),
    (record(brand="Zeta"), {(UNKNOWN, "brand")}),
    (record(brand="acme", port_code="03"), {(UNKNOWN, "brand"), (UNKNOWN, "port_code")}),
    (record(weight=9.0), {(OUTSIDE, "weight")}),
    (record(ram=500.0), {(OUTSIDE, "ram"), (HIGH, "")}),
    (record(screen=-60.0, weight=None), {(OUTSIDE, "screen"), (IMPUTED, "weight"), (LOW, "")}),
    (
        SPARSE,
        {(IMPUTED, name) for name in ("brand", "screen", "port_code", "weight")} | {(FALLBACK, "")},
    ),
]
RECORDS = [r for r, _ in ROWS]


@pytest.fixture(scope="module")
def wire(toy_server: App) -> Iterator[Wire]:
    with connect(toy_server.address) as wire:
        yield wire


@pytest.fixture(scope="module")
def model(wire: Wire) -> pb.DescribeModelResponse:
    return wire.describe(view=pb.DESCRIBE_VIEW_FULL)


def batch(wire: Wire, form: str, records: list[pb.Record], **fields: object) -> pb.PredictionBatch:
    return wire.predict_batch(batch_request(form, records, **fields)).predictions


@pytest.mark.parametrize(("sent", "expected"), ROWS)
def test_a_record_is_priced_by_the_formula_and_everything_noteworthy_is_told(
    wire: Wire, model: pb.DescribeModelResponse, sent: pb.Record, expected: set[tuple[int, str]]
) -> None:
    got = wire.ask("predict", sent).prediction
    assert got.model_price == pytest.approx(model_price(model, sent), abs=1e-6)
    assert sorted(notice_cells(got)) == sorted(expected)
    assert kinds(got.flags) == {kind for kind, _ in expected}
    assert all(n.message for n in got.notices)
    if not kinds(got.flags) & NO_INTERVAL:
        assert got.price == got.model_price
    assert math.isfinite(got.price)


def test_notices_say_what_came_and_what_was_used(wire: Wire, model: pb.DescribeModelResponse) -> None:
    sent = record(ram=None, brand="Zeta", screen=100.0)
    got = wire.ask("predict", sent).prediction
    by_cell = {(n.kind, n.feature): n for n in got.notices}
    fill = next(t.fill for t in model.linear_form.numeric_terms if t.feature == "ram")
    assert float(by_cell[IMPUTED, "ram"].used) == fill
    assert by_cell[IMPUTED, "ram"].received == ""
    assert by_cell[UNKNOWN, "brand"].received == "Zeta"
    assert float(by_cell[OUTSIDE, "screen"].received) == 100.0
    clamped = by_cell[HIGH, ""]
    assert float(clamped.received) == got.model_price > 150.0
    assert float(clamped.used) == got.price == 150.0


@pytest.mark.parametrize("form", ["rows", "columns"])
def test_a_batch_tells_of_each_row_what_predict_tells(
    wire: Wire, model: pb.DescribeModelResponse, form: str
) -> None:
    got = batch(wire, form, RECORDS, notice_bitmaps=True)
    alone = [wire.ask("predict", r).prediction for r in RECORDS]
    for field in ("price", "model_price", "lower", "upper"):
        singles = [getattr(p, field) for p in alone]
        assert struct.pack("9d", *getattr(got, field)) == struct.pack("9d", *singles), field
    assert list(got.flags) == [p.flags for p in alone]
    assert [b.kind for b in got.notice_bitmaps] == list(CELL_KINDS)
    decoded = bitmap_cells(got, [f.name for f in model.features])
    assert decoded == [{c for c in notice_cells(p) if c[0] in CELL_KINDS} for p in alone]
    counted = {(c.kind, c.feature): c.count for c in got.notice_counts}
    assert counted == Counter(c for p in alone for c in notice_cells(p))
    assert len(got.notice_counts) == len(counted)
    assert (got.row_count, got.row_error_count, got.error_row_count) == (len(ROWS), 0, 0)


def test_bitmaps_come_only_when_asked_for(wire: Wire) -> None:
    assert not batch(wire, "columns", RECORDS).notice_bitmaps


@pytest.mark.parametrize("sent", RECORDS)
def test_the_interval_surrounds_the_model_price_or_is_not_there(
    wire: Wire, model: pb.DescribeModelResponse, sent: pb.Record
) -> None:
    got, half = wire.ask("predict", sent).prediction, model.interval.half_width
    if kinds(got.flags) & NO_INTERVAL:
        assert math.isnan(got.lower)
        assert math.isnan(got.upper)
    else:
        assert (got.lower, got.upper) == (got.model_price - half, got.model_price + half)


@pytest.mark.parametrize("target", [50.01, 149.99])
def test_the_interval_is_clipped_to_the_price_range(
    wire: Wire, model: pb.DescribeModelResponse, target: float
) -> None:
    term = next(t for t in model.linear_form.numeric_terms if t.feature == "screen")
    step = (target - model_price(model, record())) * term.scale / term.coefficient
    got = wire.ask("predict", record(screen=11.0 + step)).prediction
    assert got.price == pytest.approx(target)
    half = model.interval.half_width
    assert 0.01 < half < 99
    assert (got.lower, got.upper) == (max(50.0, got.price - half), min(150.0, got.price + half))
    assert (got.lower == 50.0) != (got.upper == 150.0)


@pytest.mark.parametrize("brand", ["NA", "None", "nan", "007", "Acme"])
@pytest.mark.parametrize("door", DOORS)
def test_categories_are_taken_to_the_letter(
    wire: Wire, model: pb.DescribeModelResponse, door: str, brand: str
) -> None:
    sent = record(brand=brand, port_code="7")
    answer = wire.ask(door, sent)
    got = answer.prediction if door == "predict" else answer.predictions
    price, flags = (got.price, got.flags) if door == "predict" else (got.price[0], got.flags[0])
    assert price == pytest.approx(model_price(model, sent), abs=1e-6)
    assert flags == 0


def test_a_dictionary_may_hold_missing_values_and_repeat_itself(wire: Wire) -> None:
    request = batch_request("columns", [record()] * 5)
    column = next(c for c in request.columns.categorical if c.name == "port_code")
    column.dictionary[:] = ["", "3", "n/a", "3"]
    column.codes[:] = [0, 1, 2, 3, 4]
    got = wire.predict_batch(request).predictions
    missing, there = (wire.ask("predict", record(port_code=text)).prediction.price for text in ("", "3"))
    assert list(got.price) == [missing, missing, there, missing, there]
    assert [kinds(f) for f in got.flags] == [{IMPUTED}, {IMPUTED}, set(), {IMPUTED}, set()]


@pytest.mark.parametrize(("form", "count"), [("rows", 1_000), ("columns", 10_000)])
def test_a_full_batch_keeps_its_order(
    wire: Wire, model: pb.DescribeModelResponse, form: str, count: int
) -> None:
    sent = [record(ram=2.0 + 62.0 * (i * 7 % count) / count) for i in range(count)]
    got = batch(wire, form, sent)
    assert list(got.price) == pytest.approx([model_price(model, r) for r in sent], abs=1e-6)


@pytest.mark.parametrize("form", ["rows", "columns"])
def test_a_batch_of_no_rows_is_a_good_answer(wire: Wire, form: str) -> None:
    got = wire.predict_batch(batch_request(form, [], notice_bitmaps=True))
    assert got.predictions.row_count == len(got.predictions.price) == len(got.predictions.flags) == 0
    assert not got.predictions.notice_counts
    assert all(b.bits == b"" for b in got.predictions.notice_bitmaps)
    assert got.model.name == "toys"
    assert got.prediction_set_id
