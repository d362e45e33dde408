"""Limits and choices: how much is too much, how much of an error is told, and versions nobody serves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from support.servers import serving
from support.status import HEADER_LIST_LIMIT, refused
from support.wire import DOORS, Wire, batch_request, connect, record

GOOD = record()
ALPHABETS = [
    pytest.param(text, id=name) for name, text in (("ascii", "x"), ("two", "é"), ("four", "\U0001f600"))
]


@pytest.fixture(scope="module")
def wire(toy_server: App) -> Iterator[Wire]:
    with connect(toy_server.address) as wire:
        yield wire


@pytest.fixture(scope="module")
def narrow(toy_models: Path) -> Iterator[Wire]:
    """A server with small limits."""
    limits = {"max_rows": 4, "max_records": 3, "max_message_bytes": 2048}
    with serving(toy_models, **limits) as app, connect(app.address) as wire:
        yield wire


@pytest.mark.parametrize("door", ["predict", "columns"])
def test_all_violations_are_counted_and_twenty_are_named(wire: Wire, door: str) -> None:
    bad = record(**{f"new_{i}": 1.0 for i in range(25)})
    refusal = refused(lambda: wire.ask(door, bad))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert len(refusal.violations) == 20
    assert len({v.field for v in refusal.violations}) == 20
    assert {v.reason for v in refusal.violations} == {"UNKNOWN_FEATURE"}
    assert refusal.violation_count == 25


@pytest.mark.parametrize("door", ["predict", "rows"])
def test_a_wrong_table_is_told_in_one_sentence_that_counts_all_its_names(wire: Wire, door: str) -> None:
    refusal = refused(lambda: wire.ask(door, record(**{f"new_{i}": 1.0 for i in range(1_200)})))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.violation_count == 1_200
    (violation,) = refusal.violations
    assert "at least 1200 names are no features of this model" in violation.description


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("door", ["predict", "columns"])
def test_hundreds_of_violations_with_long_names_fit_into_the_trailers(
    wire: Wire, door: str, alphabet: str
) -> None:
    bad = record(**{alphabet * 300 + str(i): 1.0 for i in range(250)})
    refusal = refused(lambda: wire.ask(door, bad))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.violation_count == 250
    assert 1 <= len(refusal.violations) <= 20
    assert refusal.header_list_bytes < HEADER_LIST_LIMIT


def test_a_thousand_row_errors_are_listed_and_all_are_counted(wire: Wire) -> None:
    bad = record(ram=math.inf, weight=-1.0)
    answer = wire.predict_batch(batch_request("columns", [bad] * 700 + [GOOD])).predictions
    assert len(answer.row_errors) == 1_000
    assert [e.row for e in answer.row_errors] == [i // 2 for i in range(1_000)]
    assert (answer.row_error_count, answer.error_row_count) == (1_400, 700)
    assert not math.isnan(answer.price[700])


@pytest.mark.parametrize(
    ("form", "limit", "path"), [("columns", 4, "columns.row_count"), ("rows", 3, "rows.records")]
)
def test_more_rows_than_allowed_are_refused_with_the_limit(
    narrow: Wire, form: str, limit: int, path: str
) -> None:
    assert narrow.predict_batch(batch_request(form, [GOOD] * limit)).predictions.row_count == limit
    refusal = refused(lambda: narrow.predict_batch(batch_request(form, [GOOD] * (limit + 1))))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.reason == "ROW_LIMIT_EXCEEDED"
    assert refusal.paths == [(path, "ROW_LIMIT_EXCEEDED")]
    assert f"at most {limit} " in refusal.message


@pytest.mark.parametrize("door", DOORS)
def test_more_bytes_than_allowed_are_refused_and_the_server_lives_on(narrow: Wire, door: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        narrow.ask(door, record(brand="x" * 4096))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "2048" in str(caught.value.details())
    assert narrow.ask(door, GOOD).currency_code == "EUR"


CHOICES = [
    ({"model": "nobody"}, grpc.StatusCode.NOT_FOUND, "UNKNOWN_MODEL", "'nobody'"),
    ({"choice": pb.ModelChoice(version=99)}, grpc.StatusCode.NOT_FOUND, "UNKNOWN_VERSION", "99"),
    ({"choice": pb.ModelChoice(version=0)}, grpc.StatusCode.NOT_FOUND, "UNKNOWN_VERSION", "0"),
    ({"choice": pb.ModelChoice(label="canary")}, grpc.StatusCode.NOT_FOUND, "UNKNOWN_LABEL", "'canary'"),
    (
        {"choice": pb.ModelChoice(digest="ab" * 32)},
        grpc.StatusCode.FAILED_PRECONDITION,
        "DIGEST_NOT_SERVED",
        "'" + "ab" * 32 + "'",
    ),
]


@pytest.mark.parametrize("door", [*DOORS, "describe"])
@pytest.mark.parametrize(("choice", "code", "reason", "named"), CHOICES)
def test_a_version_nobody_serves_is_refused(
    wire: Wire,
    door: str,
    choice: dict[str, str | pb.ModelChoice],
    code: grpc.StatusCode,
    reason: str,
    named: str,
) -> None:
    def call() -> object:
        return wire.describe(**choice) if door == "describe" else wire.ask(door, GOOD, **choice)

    refusal = refused(call)
    assert (refusal.code, refusal.reason) == (code, reason)
    assert named in refusal.message
    assert not refusal.violations


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("model", grpc.StatusCode.NOT_FOUND),
        ("label", grpc.StatusCode.NOT_FOUND),
        ("digest", grpc.StatusCode.FAILED_PRECONDITION),
    ],
)
def test_a_long_name_of_a_version_nobody_serves_does_not_change_the_status(
    wire: Wire, field: str, code: grpc.StatusCode, alphabet: str
) -> None:
    text = alphabet * 5_000
    request = pb.PredictRequest(record=GOOD)
    if field == "model":
        request.model = text
    else:
        setattr(request.choice, field, text)
    refusal = refused(lambda: wire.predict(request))
    assert refusal.code is code
    assert refusal.header_list_bytes < HEADER_LIST_LIMIT


@pytest.mark.parametrize("door", DOORS)
def test_another_schema_than_the_pinned_one_is_refused(wire: Wire, door: str) -> None:
    served = wire.describe().schema_fingerprint
    wire.ask(door, GOOD, options=pb.PredictOptions(schema_fingerprint=served))
    other = pb.PredictOptions(schema_fingerprint="0" * 64)
    refusal = refused(lambda: wire.ask(door, GOOD, options=other))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SCHEMA_MISMATCH")
    assert refusal.info.metadata["served_schema_fingerprint"] == served
