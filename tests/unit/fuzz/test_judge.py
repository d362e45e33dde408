"""The judge of fuzzing passes what the server says, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fuzz import judge, prepare
from fuzz.handlers import Handlers
from fuzz.targets import POLICIES, REQUESTS, Fuzzer, framed
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server import errors
from ridgeline_server.transport import unpack
from ridgeline_server.transport.status import rpc_status_of, wire_status
from support import wire
from support.context import Aborted
from support.status import HEADER_LIST_LIMIT

BATCH = wire.batch_request(
    "columns", [wire.record(), wire.record(weight=None), wire.record(ram=-1.0)], notice_bitmaps=True
)
SINGLE = pb.PredictRequest(record=wire.record(weight=None), explain=True)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    prepare.write(folder)
    return folder


@pytest.fixture(scope="module")
def fuzzer(prepared: Path) -> Fuzzer:
    return Fuzzer(prepared / "models")


@pytest.fixture(scope="module")
def handlers(toy_models: Path) -> Handlers:
    return Handlers(toy_models)


def test_every_seed_is_answered_as_it_must_be(prepared: Path, fuzzer: Fuzzer) -> None:
    for seed in (prepared / "seeds").iterdir():
        fuzzer(seed.read_bytes())
    statuses = {status for _, status in fuzzer.tally}
    assert statuses == {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}
    assert {call for call, status in fuzzer.tally if status == "OK"} == set(REQUESTS)


def test_what_the_server_did_not_foresee_comes_out(fuzzer: Fuzzer, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = wire.batch_request("columns", [wire.record()])
    del batch.columns.numeric.names[0]
    unary = framed("PredictBatch", POLICIES[0], batch.SerializeToString())
    chunk = pb.PredictStreamRequest(chunk=pb.Chunk(columns=batch.columns)).SerializeToString()
    for data in (unary, framed("chunk", POLICIES[0], chunk)):
        fuzzer(data)
        with monkeypatch.context() as broken:
            broken.setattr(unpack, "_length_violations", lambda *_: [])
            with pytest.raises(ValueError, match="reshape"):
                fuzzer(data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: answer.price.__setitem__(0, 1e9),
        lambda answer: answer.price.__setitem__(0, float("nan")),
        lambda answer: answer.price.__setitem__(2, 0.0),
        lambda answer: answer.price.pop(),
        lambda answer: answer.lower.__setitem__(0, 149.0),
        lambda answer: answer.upper.__setitem__(2, 1.0),
        lambda answer: answer.flags.__setitem__(0, 1),
        lambda answer: answer.notice_bitmaps.pop(),
        lambda answer: setattr(answer.notice_bitmaps[0], "bits", b"\0\0"),
        lambda answer: setattr(answer.notice_counts[0], "count", 2),
        lambda answer: setattr(answer.row_errors[0], "row", 0),
        lambda answer: setattr(answer, "error_row_count", 0),
        lambda answer: setattr(answer, "row_error_count", 2),
    ],
)
def test_a_batch_that_does_not_add_up_is_found(
    handlers: Handlers, spoil: Callable[[pb.PredictionBatch], object]
) -> None:
    manifest = handlers.version.manifest
    raw = handlers.ask("PredictBatch", BATCH.SerializeToString())
    answer = pb.PredictBatchResponse.FromString(raw).predictions
    judge.batch(answer, BATCH, True, manifest)
    spoil(answer)
    with pytest.raises((AssertionError, ValueError)):
        judge.batch(answer, BATCH, True, manifest)


def _code(columns: pb.RecordBatch, code: int) -> None:
    columns.categorical[0].codes[0] = code


def _infinite(columns: pb.RecordBatch) -> None:
    columns.numeric.double_values.values[0] = float("inf")


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda c: _code(c, -1), "have a price"),
        (lambda c: _code(c, 7), "have a price"),
        (_infinite, "have a price"),
        (lambda c: c.numeric.double_values.values.pop(), "8 values of 3 rows"),
        (lambda c: c.categorical[0].codes.append(0), "4 codes of 3 rows"),
        (lambda c: c.record_ids.append("a"), "1 entries for 3 rows"),
        (lambda c: c.event_times_us.append(1), "1 entries for 3 rows"),
    ],
)
def test_prices_for_what_cannot_be_priced_are_found(
    handlers: Handlers, spoil: Callable[[pb.RecordBatch], object], found: str
) -> None:
    raw = handlers.ask("PredictBatch", BATCH.SerializeToString())
    answer = pb.PredictBatchResponse.FromString(raw).predictions
    asked = pb.PredictBatchRequest()
    asked.CopyFrom(BATCH)
    spoil(asked.columns)
    with pytest.raises(AssertionError, match=found):
        judge.batch(answer, asked, True, handlers.version.manifest)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: setattr(answer.prediction, "price", 1.0),
        lambda answer: setattr(answer.prediction, "record_id", "x"),
        lambda answer: answer.prediction.notices.pop(),
        lambda answer: answer.ClearField("explanation"),
        lambda answer: setattr(answer.explanation, "base", 0.0),
    ],
)
def test_a_price_that_does_not_add_up_is_found(
    handlers: Handlers, spoil: Callable[[pb.PredictResponse], object]
) -> None:
    manifest = handlers.version.manifest
    answer = pb.PredictResponse.FromString(handlers.ask("Predict", SINGLE.SerializeToString()))
    judge.single(SINGLE, answer, manifest)
    spoil(answer)
    with pytest.raises(AssertionError):
        judge.single(SINGLE, answer, manifest)


def invalid(text: str, field: str = "") -> errors.InvalidInput:
    return errors.InvalidInput([errors.Violation(Reason.INVALID_FIELD, text, field)])


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (errors.PricingError(Reason.INTERNAL, "x"), "INTERNAL"),
        (errors.NotReady("draining"), "UNAVAILABLE"),
        (invalid("KeyError('ram')"), "Error("),
        (invalid("x", "record.numbers"), "record.numbers is no field"),
    ],
)
def test_a_refusal_that_is_not_in_the_contract_is_found(error: errors.PricingError, found: str) -> None:
    status = wire_status(error, "id")
    with pytest.raises(AssertionError, match=re.escape(found)):
        judge.refusal(Aborted(status), pb.PredictRequest, b"")
    with pytest.raises(AssertionError):
        judge.chunk_error(rpc_status_of(error, "id"), b"")


def test_a_refusal_may_tell_the_caller_what_it_sent_and_may_not_be_long() -> None:
    told = invalid("'KeyError(' is not a feature of this model", 'record.numeric["KeyError("]')
    judge.refusal(Aborted(wire_status(told, "id")), pb.PredictRequest, b"KeyError(")
    status = wire_status(told, "id")
    status.trailing_metadata += (("x", "y" * HEADER_LIST_LIMIT),)
    with pytest.raises(AssertionError, match="bytes of trailers"):
        judge.refusal(Aborted(status), pb.PredictRequest, b"KeyError(")
