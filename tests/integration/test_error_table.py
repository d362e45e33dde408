"""Bad requests: each row of the error table that a caller can cause with what it sends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from support import toys
from support.servers import serving
from support.status import is_field_path, refused
from support.wire import (
    DOORS,
    Wire,
    batch_request,
    connect,
    empty_record,
    record,
)

INVALID = grpc.StatusCode.INVALID_ARGUMENT
ROW_ERROR = 1 << (pb.NOTICE_KIND_ROW_ERROR - 1)
GOOD = record()


@pytest.fixture(scope="module")
def wire(toy_server: App) -> Iterator[Wire]:
    with connect(toy_server.address) as wire:
        yield wire


VALUES = [
    pytest.param(record(ram=math.inf), "ram", "NOT_FINITE", 'record.numeric["ram"]', id="infinite"),
    pytest.param(
        record(screen=-math.inf), "screen", "NOT_FINITE", 'record.numeric["screen"]', id="-infinite"
    ),
    pytest.param(record(ram=1000.5), "ram", "OUT_OF_VALID_RANGE", 'record.numeric["ram"]', id="above"),
    pytest.param(record(weight=-0.1), "weight", "OUT_OF_VALID_RANGE", 'record.numeric["weight"]', id="below"),
    pytest.param(empty_record(), "", "EMPTY_RECORD", "record", id="empty"),
    pytest.param(
        pb.Record(numeric={"ram": math.nan}, categorical={"brand": "", "port_code": "n/a"}),
        "",
        "EMPTY_RECORD",
        "record",
        id="all missing",
    ),
]
NAMES = [
    pytest.param(record(**{'a"b': 1.0}), 'a"b', "UNKNOWN_FEATURE", 'record.numeric["a\\"b"]', id="quote"),
    pytest.param(record(colour=1.0), "colour", "UNKNOWN_FEATURE", 'record.numeric["colour"]', id="number"),
    pytest.param(
        record(colour="red"), "colour", "UNKNOWN_FEATURE", 'record.categorical["colour"]', id="text"
    ),
    pytest.param(record(brand=1.0), "brand", "WRONG_KIND", 'record.numeric["brand"]', id="text as number"),
    pytest.param(record(ram="8"), "ram", "WRONG_KIND", 'record.categorical["ram"]', id="number as text"),
]


@pytest.mark.parametrize(("bad", "feature", "reason", "path"), VALUES + NAMES)
def test_predict_names_the_field_and_the_reason(
    wire: Wire, bad: pb.Record, feature: str, reason: str, path: str
) -> None:
    refusal = refused(lambda: wire.ask("predict", bad))
    assert refusal.code is INVALID
    assert refusal.reason == "INVALID_INPUT"
    assert refusal.paths == [(path, reason)]
    assert is_field_path(pb.PredictRequest, path)
    assert refusal.violation_count == 1
    assert refusal.message == refusal.violations[0].description
    assert repr(feature) in refusal.message or not feature


def assert_middle_row_refused(wire: Wire, request: pb.PredictBatchRequest, feature: str, reason: str) -> None:
    alone = wire.ask("predict", GOOD).prediction.price
    answer = wire.predict_batch(request).predictions
    assert answer.price[0] == answer.price[2] == alone
    assert all(math.isnan(c[1]) for c in (answer.price, answer.model_price, answer.lower, answer.upper))
    assert list(answer.flags) == [0, ROW_ERROR, 0]
    assert [(e.row, e.feature, e.code, e.reason) for e in answer.row_errors] == [
        (1, feature, INVALID.value[0], reason)
    ]
    assert (answer.row_error_count, answer.error_row_count) == (1, 1)
    assert answer.row_errors[0].message


@pytest.mark.parametrize("form", ["rows", "columns"])
@pytest.mark.parametrize(("bad", "feature", "reason", "path"), VALUES)
def test_a_bad_value_in_a_batch_is_the_error_of_its_row(
    wire: Wire, form: str, bad: pb.Record, feature: str, reason: str, path: str
) -> None:
    assert_middle_row_refused(wire, batch_request(form, [GOOD, bad, GOOD]), feature, reason)


@pytest.mark.parametrize(("bad", "feature", "reason", "path"), NAMES)
def test_a_bad_name_in_records_is_the_error_of_its_row(
    wire: Wire, bad: pb.Record, feature: str, reason: str, path: str
) -> None:
    assert_middle_row_refused(wire, batch_request("rows", [GOOD, bad, GOOD]), feature, reason)


@pytest.mark.parametrize("code", [-1, 2, 2**31 - 1])
def test_a_code_beyond_the_dictionary_is_the_error_of_its_row(wire: Wire, code: int) -> None:
    request = batch_request("columns", [GOOD] * 3)
    brand = next(c for c in request.columns.categorical if c.name == "brand")
    brand.codes[1] = code
    assert_middle_row_refused(wire, request, "brand", "CODE_OUT_OF_DICTIONARY")


@pytest.mark.parametrize("door", DOORS)
def test_a_missing_required_feature_is_refused(tmp_path: Path, door: str) -> None:
    with serving(toys.export(tmp_path, required=True)) as app, connect(app.address) as wire:
        if door != "predict":
            request = batch_request(door, [GOOD, record(brand=""), GOOD])
            assert_middle_row_refused(wire, request, "brand", "REQUIRED_FEATURE_MISSING")
            return
        refusal = refused(lambda: wire.ask(door, record(brand=None)))
        assert refusal.code is INVALID
        assert refusal.paths == [('record.categorical["brand"]', "REQUIRED_FEATURE_MISSING")]


@pytest.mark.parametrize("door", DOORS)
def test_an_option_this_server_does_not_know_is_refused(wire: Wire, door: str) -> None:
    options = pb.PredictOptions()
    options.MergeFromString(b"\x08\x63")  # unknown_features = 99
    refusal = refused(lambda: wire.ask(door, GOOD, options=options))
    assert refusal.code is INVALID
    assert refusal.paths == [("options.unknown_features", "INVALID_FIELD")]


def test_one_record_has_all_its_violations_named_at_once(wire: Wire) -> None:
    bad = record(ram=math.inf, weight=-1.0, colour="red", port_code=7.0)
    refusal = refused(lambda: wire.ask("predict", bad))
    assert sorted(refusal.paths) == [
        ('record.categorical["colour"]', "UNKNOWN_FEATURE"),
        ('record.numeric["port_code"]', "WRONG_KIND"),
        ('record.numeric["ram"]', "NOT_FINITE"),
        ('record.numeric["weight"]', "OUT_OF_VALID_RANGE"),
    ]
    assert refusal.violation_count == 4
    assert refusal.message.endswith("(and 3 more)")
