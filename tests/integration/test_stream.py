"""PredictStream over a real channel: one result per chunk, in order, and what ends a stream."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from concurrent import futures
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2
from hypothesis import given
from hypothesis import strategies as st

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from support.gate import Gate, before_each_run
from support.servers import new_app, serving
from support.status import decode
from support.wire import SERVICE, TIMEOUT, Wire, batch_request, columns, connect, record

INVALID = grpc.StatusCode.INVALID_ARGUMENT
OPEN = pb.PredictStreamRequest(open=pb.StreamOpen())


@pytest.fixture(scope="module")
def wire(toy_server: App) -> Iterator[Wire]:
    with connect(toy_server.address) as wire:
        yield wire


def chunk(sequence: int, *records: pb.Record) -> pb.PredictStreamRequest:
    return pb.PredictStreamRequest(chunk=pb.Chunk(sequence=sequence, columns=columns(records)))


def stream(wire: Wire, messages: Iterable[pb.PredictStreamRequest]) -> Any:
    return wire.stub.PredictStream(iter(messages), timeout=TIMEOUT)


def results(wire: Wire, messages: Iterable[pb.PredictStreamRequest]) -> list[pb.ChunkResult]:
    opened, *answers = stream(wire, [OPEN, *messages])
    assert opened.WhichOneof("message") == "opened"
    return [a.result for a in answers]


def ended(call: Any) -> tuple[list[pb.PredictStreamResponse], Any]:
    """Everything a stream answered before it ended with a status."""
    answers: list[pb.PredictStreamResponse] = []
    with pytest.raises(grpc.RpcError) as caught:
        answers.extend(iter(call.__next__, None))
    return answers, decode(caught.value)


class Hand:
    """Messages of a stream that a test sends one by one."""

    def __init__(self) -> None:
        self._messages: SimpleQueue[pb.PredictStreamRequest | None] = SimpleQueue()

    def send(self, *messages: pb.PredictStreamRequest | None) -> None:
        for message in messages:
            self._messages.put(message)

    def __iter__(self) -> Iterator[pb.PredictStreamRequest]:
        return iter(self._messages.get, None)


def test_opened_says_who_will_answer_and_what_a_chunk_may_hold(wire: Wire) -> None:
    (answer,) = stream(wire, [OPEN])
    description = wire.describe()
    assert answer.opened.model == description.model
    assert answer.opened.limits == description.limits
    assert answer.opened.schema_fingerprint == description.schema_fingerprint
    assert answer.opened.currency_code == "EUR"


def test_results_are_those_of_a_batch_in_the_order_of_the_chunks(wire: Wire) -> None:
    rows = [record(ram=float(ram)) for ram in range(1, 31)]
    parts = [rows[:1], rows[1:20], [], rows[20:]]
    answers = results(wire, [chunk(7 * i, *part) for i, part in enumerate(parts)])
    assert [a.sequence for a in answers] == [0, 7, 14, 21]
    for part, answer in zip(parts, answers, strict=True):
        batch = wire.predict_batch(batch_request("columns", part))
        assert answer.predictions == batch.predictions
        assert answer.model == batch.model


def test_both_payload_forms_and_bitmaps_are_those_of_a_batch(wire: Wire) -> None:
    rows = [record(ram=None), record(brand="who")]
    opened = pb.PredictStreamRequest(open=pb.StreamOpen(notice_bitmaps=True))
    records = pb.PredictStreamRequest(chunk=pb.Chunk(sequence=1, rows=pb.Records(records=rows)))
    _, first, second = stream(wire, [opened, chunk(0, *rows), records])
    batch = wire.predict_batch(batch_request("rows", rows, notice_bitmaps=True))
    assert first.result.predictions == second.result.predictions == batch.predictions
    assert batch.predictions.notice_bitmaps


def test_a_bad_chunk_is_answered_in_its_place_and_the_stream_goes_on(wire: Wire) -> None:
    wrong = chunk(1, record())
    wrong.chunk.columns.row_count = 3
    nothing = pb.PredictStreamRequest(chunk=pb.Chunk(sequence=2))
    answers = results(wire, [chunk(0, record()), wrong, nothing, chunk(3, record())])
    assert [a.WhichOneof("outcome") for a in answers] == ["predictions", "error", "error", "predictions"]
    assert [a.sequence for a in answers] == [0, 1, 2, 3]
    assert [a.error.code for a in answers[1:3]] == [code_pb2.INVALID_ARGUMENT] * 2
    assert "numeric values: expected row_count x names" in answers[1].error.message
    assert "set columns or rows" in answers[2].error.message


def test_a_bad_row_is_a_row_error_of_its_chunk(wire: Wire) -> None:
    (answer,) = results(wire, [chunk(0, record(), record(ram=math.inf), record())])
    assert [e.row for e in answer.predictions.row_errors] == [1]
    assert [math.isnan(p) for p in answer.predictions.price] == [False, True, False]


def test_what_nobody_foresaw_is_internal_in_its_place(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = iter([True, False])

    def fail_once() -> None:
        if next(secrets):
            raise KeyError("a secret")

    before_each_run(monkeypatch, fail_once)
    first, second = results(wire, [chunk(0, record()), chunk(1, record())])
    assert first.error.code == code_pb2.INTERNAL
    assert "secret" not in str(first)
    assert second.WhichOneof("outcome") == "predictions"


@pytest.mark.parametrize(
    ("messages", "answered", "reason"),
    [
        ([], 0, "STREAM_ORDER"),
        ([chunk(0, record())], 0, "STREAM_ORDER"),
        ([pb.PredictStreamRequest()], 0, "STREAM_ORDER"),
        ([OPEN, OPEN], 1, "STREAM_ORDER"),
        ([OPEN, chunk(-1, record())], 1, "STREAM_ORDER"),
        ([OPEN, chunk(3, record()), chunk(3, record())], 2, "STREAM_ORDER"),
        ([pb.PredictStreamRequest(open=pb.StreamOpen(job_id="j" * 129))], 0, "INVALID_INPUT"),
    ],
)
def test_messages_out_of_order_end_the_stream(
    wire: Wire, messages: list[pb.PredictStreamRequest], answered: int, reason: str
) -> None:
    answers, refusal = ended(stream(wire, messages))
    assert (len(answers), refusal.code, refusal.reason) == (answered, INVALID, reason)


def test_bytes_that_are_no_message_end_the_stream(wire: Wire) -> None:
    call: Any = wire.channel.stream_stream(SERVICE + "PredictStream")
    answers, refusal = ended(call(iter([OPEN.SerializeToString(), b"\xff"]), timeout=TIMEOUT))
    assert (len(answers), refusal.code, refusal.reason) == (1, INVALID, "MALFORMED_MESSAGE")


def test_a_version_that_is_not_served_ends_the_stream_before_it_opens(wire: Wire) -> None:
    pinned = pb.StreamOpen(choice=pb.ModelChoice(version=99))
    answers, refusal = ended(stream(wire, [pb.PredictStreamRequest(open=pinned)]))
    assert (answers, refusal.code) == ([], grpc.StatusCode.NOT_FOUND)


def test_a_job_that_asks_again_gets_the_same_prediction_set_ids(wire: Wire) -> None:
    def ids(job: str) -> list[str]:
        opened = pb.PredictStreamRequest(open=pb.StreamOpen(job_id=job))
        return [a.result.prediction_set_id for a in [*stream(wire, [opened, *chunks])][1:]]

    chunks = [chunk(i, record()) for i in range(3)]
    assert ids("monday") == ids("monday")
    assert len({*ids("monday"), *ids("tuesday"), *ids(""), *ids("")}) == 12


def test_chunks_are_answered_as_they_come(wire: Wire) -> None:
    hand = Hand()
    call = stream(wire, hand)
    hand.send(OPEN)
    assert next(call).WhichOneof("message") == "opened"
    for i in range(3):
        hand.send(chunk(i, record()))
        assert next(call).result.sequence == i
    hand.send(None)
    assert list(call) == []


def test_more_streams_than_allowed_are_told_to_come_back_and_unary_calls_go_on(toy_models: Path) -> None:
    with serving(toy_models, max_streams=2) as app, connect(app.address) as wire:
        hands = [Hand(), Hand()]
        calls = [stream(wire, hand) for hand in hands]
        for hand, call in zip(hands, calls, strict=True):
            hand.send(OPEN)
            next(call)
        _, refusal = ended(stream(wire, [OPEN]))
        assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert int(refusal.trailers["grpc-retry-pushback-ms"]) > 0
        assert wire.predict(pb.PredictRequest(record=record())).currency_code == "EUR"
        hands[0].send(None)
        assert list(calls[0]) == []
        assert app._listener._streams.wait_idle(0) is False
        hands[1].send(None)
        assert list(calls[1]) == []
        assert app._listener._streams.wait_idle(TIMEOUT)
        assert len(list(stream(wire, [OPEN]))) == 1


def test_an_idle_stream_is_ended_and_frees_its_place(toy_models: Path) -> None:
    with serving(toy_models, max_streams=1, stream_idle_s=0.05) as app, connect(app.address) as wire:
        hand = Hand()
        call = stream(wire, hand)
        hand.send(OPEN)
        next(call)
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        assert caught.value.code() is grpc.StatusCode.CANCELLED
        hand.send(None)
        assert app._listener._streams.wait_idle(TIMEOUT)


def test_a_caller_who_leaves_frees_its_place(toy_models: Path) -> None:
    with serving(toy_models, max_streams=1) as app, connect(app.address) as wire:
        hand = Hand()
        call = stream(wire, hand)
        hand.send(OPEN)
        next(call)
        call.cancel()
        hand.send(None)
        assert app._listener._streams.wait_idle(TIMEOUT)


def test_draining_answers_the_running_chunk_and_ends_with_unavailable(
    toy_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    app = new_app(toy_models, drain_grace_s=10 * TIMEOUT)
    app.listen()
    app.load()
    with connect(app.address) as wire:
        hand = Hand()
        call = stream(wire, hand)
        hand.send(OPEN)
        next(call)
        gate.close()
        hand.send(chunk(0, record()), chunk(1, record()))
        gate.wait_entered()
        states = wire.watch()
        next(states)
        stopping = threading.Thread(target=app.stop, daemon=True)
        stopping.start()
        next(states)
        gate.open()
        answers, refusal = ended(call)
        hand.send(None)
        stopping.join(TIMEOUT)
    assert [a.result.sequence for a in answers] == [0]
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "NOT_READY")
    assert gate.runs == 1
    assert not stopping.is_alive()


def test_idle_streams_do_not_stretch_the_stop(toy_models: Path) -> None:
    app = new_app(toy_models, drain_grace_s=3600)
    app.listen()
    app.load()
    with connect(app.address) as wire:
        hand = Hand()
        call = stream(wire, hand)
        hand.send(OPEN)
        next(call)
        stopping = threading.Thread(target=app.stop, daemon=True)
        stopping.start()
        stopping.join(TIMEOUT)
        hand.send(None)
    assert not stopping.is_alive()


values = st.one_of(st.none(), st.floats(0, 1000), st.just(math.inf))
products = st.builds(record, ram=values, screen=st.floats(5, 17), brand=st.sampled_from(["NA", "", "who"]))


@given(st.lists(st.lists(products, max_size=4), max_size=5))
def test_any_chunking_gives_the_answers_of_single_rows(wire: Wire, parts: list[list[pb.Record]]) -> None:
    answers = results(wire, [chunk(i, *part) for i, part in enumerate(parts)])
    streamed = [p for a in answers for p in a.predictions.price]
    alone = [wire.predict_batch(batch_request("columns", [r])).predictions.price[0] for p in parts for r in p]
    assert list(map(repr, streamed)) == list(map(repr, alone))


def test_many_streams_at_once_keep_their_rows_and_their_order(wire: Wire) -> None:
    def job(number: int) -> list[list[float]]:
        rows = [record(ram=float(number * 40 + i)) for i in range(40)]
        parts = [rows[i : i + 3] for i in range(0, 40, 3)]
        return [
            list(a.predictions.model_price)
            for a in results(wire, [chunk(i, *p) for i, p in enumerate(parts)])
        ]

    with futures.ThreadPoolExecutor(16) as pool:
        together = list(pool.map(job, range(16)))
    assert together == [job(number) for number in range(16)]
