"""What a caller may ask for beside a price: explanations, ids, tolerance of unknown features."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from support.formula import contributions, kinds, notice_cells
from support.wire import DOORS, TIMEOUT, Wire, batch_request, connect, record

IGNORED = pb.NOTICE_KIND_FEATURE_IGNORED
RECORDS = [
    record(),
    record(ram=None, brand="", port_code="n/a"),
    record(brand="Zeta", weight=9.0),
    record(ram=500.0),
    pb.Record(numeric={"ram": 8.0}),
]


@pytest.fixture(scope="module")
def wire(toy_server: App) -> Iterator[Wire]:
    with connect(toy_server.address) as wire:
        yield wire


@pytest.fixture(scope="module")
def model(wire: Wire) -> pb.DescribeModelResponse:
    return wire.describe(view=pb.DESCRIBE_VIEW_FULL)


@pytest.mark.parametrize("sent", RECORDS)
def test_an_explanation_adds_up_to_the_model_price(
    wire: Wire, model: pb.DescribeModelResponse, sent: pb.Record
) -> None:
    got = wire.predict(pb.PredictRequest(record=sent, explain=True))
    amounts = {c.feature: c.amount for c in got.explanation.contributions}
    assert list(amounts) == [f.name for f in model.features]
    assert amounts == pytest.approx(contributions(model, sent), abs=1e-9)
    total = got.explanation.base + sum(amounts.values())
    assert total == pytest.approx(got.prediction.model_price, abs=1e-6)


def test_an_explanation_comes_only_when_asked_for(wire: Wire) -> None:
    assert not wire.ask("predict", record()).HasField("explanation")


def test_ids_come_back_and_answers_have_names_of_their_own(wire: Wire) -> None:
    sent = record()
    sent.record_id = "sku 1 \N{SNOWMAN}"
    answers = [wire.ask(door, sent) for door in DOORS for _ in range(2)]
    assert answers[0].prediction.record_id == sent.record_id
    assert len({a.prediction_set_id for a in answers}) == len(answers)
    assert all(a.prediction_set_id for a in answers)
    assert {a.currency_code for a in answers} == {"EUR"}
    assert len({a.model.SerializeToString() for a in answers}) == 1


def test_ids_and_times_never_change_a_price(wire: Wire) -> None:
    plain = batch_request("columns", RECORDS)
    named = pb.PredictBatchRequest()
    named.CopyFrom(plain)
    named.columns.record_ids[:] = [f"r{i}" for i in range(len(RECORDS))]
    named.columns.event_times_us[:] = [-1, 0, 1, 2**62, 5]
    first, second = (wire.predict_batch(r).predictions.SerializeToString() for r in (plain, named))
    assert first == second
    timed = record()
    timed.event_time.FromSeconds(-62_135_596_800)
    assert wire.ask("predict", timed).prediction.price == wire.ask("predict", record()).prediction.price


IGNORE = pb.PredictOptions(unknown_features=pb.UNKNOWN_FEATURES_IGNORE_AND_REPORT)


def test_unknown_features_are_ignored_and_reported_when_asked(wire: Wire) -> None:
    plain = wire.ask("predict", record()).prediction
    got = wire.ask("predict", record(colour="red", size=3.0), options=IGNORE).prediction
    assert got.price == plain.price
    assert sorted(notice_cells(got)) == [(IGNORED, "colour"), (IGNORED, "size")]
    assert kinds(got.flags) == {IGNORED}


@pytest.mark.parametrize(("form", "reported"), [("rows", [False, True, False]), ("columns", [True] * 3)])
def test_a_batch_reports_ignored_features_where_they_were_sent(
    wire: Wire, form: str, reported: list[bool]
) -> None:
    request = batch_request(form, [record(), record(size=3.0), record()], options=IGNORE)
    got = wire.predict_batch(request).predictions
    assert len(set(got.price)) == 1
    assert [kinds(f) == {IGNORED} for f in got.flags] == reported
    assert [(c.kind, c.feature, c.count) for c in got.notice_counts] == [(IGNORED, "size", sum(reported))]


def test_a_unary_method_is_called_as_unary_or_as_a_stream_of_one_message(wire: Wire) -> None:
    content = pb.PredictRequest(record=record()).SerializeToString()
    unary = wire.raw("Predict", content)
    streamed = wire.raw_stream("Predict")(iter([content]), timeout=TIMEOUT)
    expected = wire.ask("predict", record()).prediction
    assert [pb.PredictResponse.FromString(raw).prediction for raw in (unary, streamed)] == [expected] * 2
