"""What a running server says of itself on /metrics, and that docs/metrics.md says the same."""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ridgeline.guard import Action
from ridgeline.notices import NoticeKind
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from ridgeline_server.monitoring.rows import RowTotals
from support.gate import Gate
from support.metrics_page import PAGE, SUPERVISOR_ONLY, documented
from support.scrape import Scrape, Since
from support.servers import ANY_PORT, new_app, serving
from support.wire import TIMEOUT, Wire, batch_request, columns, connect, record

GOOD = pb.PredictRequest(record=record())
VERSION = {"model": "toys", "version": "1"}


@pytest.fixture
def since(app: App) -> Since:
    return Since(app)


def failing(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    code: grpc.StatusCode = caught.value.code()
    return code


def test_what_is_served_is_documented_and_the_other_way_round(wire: Wire, app: App) -> None:
    wire.predict(GOOD)
    failing(lambda: wire.predict(pb.PredictRequest(record=record(ram=-1.0))))
    scrape = Scrape.of(app)
    served = {
        name: (family.type, scrape.labels(name), family.documentation)
        for name, family in scrape.families.items()
    }
    assert served == {name: said for name, said in documented().items() if name not in SUPERVISOR_ONLY}


def test_the_page_names_no_other_metric_and_shows_all_of_them() -> None:
    known = documented()
    parts = {f"{name}{suffix}" for name in known for suffix in ("", "_bucket", "_sum", "_count")}
    assert set(re.findall(r"\b(?:ridgeline|process)_\w+", PAGE)) <= parts
    (pasted,) = re.findall(r"```text\n(# HELP .*?)```", PAGE, re.DOTALL)
    shown = Scrape(pasted).families
    assert {name: (f.type, f.documentation) for name, f in shown.items()} == {
        name: (kind, text) for name, (kind, _, text) in known.items() if name not in SUPERVISOR_ONLY
    }


def test_calls_are_counted_by_method_code_and_reason(wire: Wire, since: Since) -> None:
    wire.predict(GOOD)
    wire.predict(GOOD)
    wire.describe()
    failing(lambda: wire.describe(model="nobody"))
    failing(lambda: wire.raw("Predict", b"\xff"))
    calls = "ridgeline_calls_total"
    assert since.value(calls, method="Predict", code="OK", reason="") == 2
    assert since.value(calls, method="DescribeModel", code="OK") == 1
    assert since.value(calls, method="DescribeModel", code="NOT_FOUND", reason="UNKNOWN_MODEL") == 1
    malformed = {"code": "INVALID_ARGUMENT", "reason": "MALFORMED_MESSAGE"}
    assert since.value(calls, method="Predict", **malformed) == 1
    assert since.value(calls) == 5
    assert since.value("ridgeline_answer_seconds_count", method="Predict") == 2
    assert since.value("ridgeline_queue_wait_seconds_count", pool="unary") == 5


def test_the_edges_of_times_are_those_people_set_limits_at(app: App) -> None:
    edges = {
        float(dict(labels)["le"])
        for (name, labels), _ in Scrape.of(app).series()
        if name == "ridgeline_answer_seconds_bucket"
    }
    whole = {1e-3 * ms for ms in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)}
    assert edges == {1e-4, 2e-4, 5e-4, *whole, float("inf")}


def test_a_streams_messages_are_timed_one_by_one_and_its_end_is_counted(wire: Wire, since: Since) -> None:
    opened = pb.PredictStreamRequest(open=pb.StreamOpen())
    chunks = [
        pb.PredictStreamRequest(chunk=pb.Chunk(sequence=i, columns=columns([record()] * i))) for i in range(4)
    ]
    assert len(list(wire.stub.PredictStream(iter([opened, *chunks]), timeout=TIMEOUT))) == 5
    assert since.value("ridgeline_answer_seconds_count", method="PredictStream") == 5
    assert since.value("ridgeline_calls_total", method="PredictStream", code="OK") == 1
    assert since.value("ridgeline_batch_rows_count", **VERSION) == 4
    assert since.value("ridgeline_batch_rows_sum", **VERSION) == 0 + 1 + 2 + 3


def test_callers_who_leave_are_counted_as_such(toy_models: Path) -> None:
    limits = {"message_timeout_s": 0.05, "stream_idle_s": 0.05}
    with serving(toy_models, ops_address=ANY_PORT, **limits) as app, connect(app.address) as wire:
        silent = wire.header_only("Predict").call
        assert silent.exception(TIMEOUT).code() is grpc.StatusCode.CANCELLED
        opened = pb.PredictStreamRequest(open=pb.StreamOpen()).SerializeToString()
        idle = wire.header_only("PredictStream", [opened]).call
        assert idle.exception(TIMEOUT) is not None
        for pool in (app._listener._pool, app._listener._streams):
            assert pool.wait_idle(TIMEOUT)
        scrape = Scrape.of(app)
    for method in ("Predict", "PredictStream"):
        assert scrape.value("ridgeline_calls_total", method=method, code="CANCELLED") == 1


numbers = st.one_of(st.none(), st.sampled_from([-1.0, 1e9, float("inf"), 900.0]), st.floats(2, 64))
products = st.builds(
    record, ram=numbers, screen=numbers, weight=numbers, brand=st.sampled_from(["NA", "", "stranger"])
)


@settings(max_examples=60, deadline=None)
@given(st.lists(products, max_size=5))
def test_rows_are_counted_as_their_answers_say(wire: Wire, app: App, rows: list[pb.Record]) -> None:
    since = Since(app)
    answer = wire.predict_batch(batch_request("columns", rows)).predictions
    grown = since.grown()
    assert grown.value("ridgeline_batch_rows_sum", **VERSION) == len(rows)
    for kind in NoticeKind:
        flagged = sum(bool(flags & kind.bit) for flags in answer.flags)
        assert grown.value("ridgeline_flagged_rows_total", kind=kind.name, **VERSION) == flagged
    for action in Action:
        if action is not Action.NONE:
            kind = NoticeKind[action.name]
            guarded = sum(bool(flags & kind.bit) for flags in answer.flags)
            assert grown.value("ridgeline_guarded_rows_total", action=action.name, **VERSION) == guarded
    priced = len(rows) - answer.error_row_count
    assert grown.value("ridgeline_guarded_rows_total", **VERSION) == priced
    widths = [high - low for high, low in zip(answer.upper, answer.lower, strict=True) if high == high]
    assert grown.value("ridgeline_interval_width_count", **VERSION) == len(widths)
    assert grown.value("ridgeline_interval_width_sum", **VERSION) == pytest.approx(sum(widths), abs=1e-6)
    blamed = Counter((e.feature, e.reason) for e in answer.row_errors)
    for (feature, reason), count in blamed.items():
        errors = {"feature": feature, "reason": reason}
        assert grown.value("ridgeline_validation_errors_total", **errors, **VERSION) == count
    assert grown.value("ridgeline_validation_errors_total") == answer.row_error_count


def test_violations_of_whole_requests_are_counted_too(wire: Wire, since: Since) -> None:
    twice = columns([record()])
    twice.categorical.append(twice.categorical[0])
    failing(lambda: wire.predict_batch(pb.PredictBatchRequest(columns=twice)))
    short = columns([record()])
    del short.categorical[0].codes[:]
    failing(lambda: wire.predict_batch(pb.PredictBatchRequest(columns=short)))
    many = pb.Record(numeric={f"stranger{i}": 1.0 for i in range(1_100)})
    failing(lambda: wire.predict(pb.PredictRequest(record=many)))
    errors = "ridgeline_validation_errors_total"
    feature = twice.categorical[0].name
    assert since.value(errors, feature=feature, reason="DUPLICATE_FEATURE", **VERSION) == 1
    assert since.value(errors, feature=feature, reason="WRONG_LENGTH", **VERSION) == 1
    assert since.value(errors, feature="", reason="UNKNOWN_FEATURE", **VERSION) == 1
    assert since.value(errors) == 3


HOSTILE = [f"hostile{i}" for i in range(40)]


def test_nothing_a_caller_sends_makes_series(wire: Wire, app: App, since: Since) -> None:
    def attack(name: str) -> None:
        failing(lambda: wire.raw(name, b""))
        failing(lambda: wire.raw_stream("Predict", service=name)(iter([b""]), timeout=TIMEOUT))
        failing(lambda: wire.predict(pb.PredictRequest(record=record(**{name: 1.0}))))
        failing(lambda: wire.predict(pb.PredictRequest(model=name, record=record())))
        failing(lambda: wire.describe(choice=pb.ModelChoice(label=name)))
        failing(lambda: wire.predict_batch(batch_request("columns", [record(**{name: "x"})])))
        ignore = pb.PredictOptions(unknown_features=pb.UNKNOWN_FEATURES_IGNORE_AND_REPORT)
        wire.predict_batch(batch_request("rows", [record(**{name: 1.0})], options=ignore))
        wire.stub.Predict(GOOD, timeout=TIMEOUT, metadata=[("x-request-id", name), (name, name)])

    attack("first")
    before = {series for series, _ in Scrape.of(app).series()}
    with futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(attack, HOSTILE))
    after = Scrape.of(app)
    assert {series for series, _ in after.series()} == before
    assert "hostile" not in after.text
    unknown = {"method": "unknown", "code": "UNIMPLEMENTED"}
    assert since.value("ridgeline_calls_total", **unknown) == 2 * (1 + len(HOSTILE))
    strangers = {"feature": "", "reason": "UNKNOWN_FEATURE"}
    assert since.value("ridgeline_validation_errors_total", **strangers) == 2 * (1 + len(HOSTILE))


def test_calls_in_flight_are_running_or_queued(toy_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    limits = {"active_threads": 1, "max_threads": 2, "max_waiting_calls": 1, "message_timeout_s": TIMEOUT}
    with serving(toy_models, ops_address=ANY_PORT, **limits) as app, connect(app.address) as wire:
        gate.close()
        working = wire.stub.Predict.future(GOOD, timeout=TIMEOUT)
        gate.wait_entered()
        ended: SimpleQueue[Any] = SimpleQueue()
        for _ in range(3):
            wire.stub.Predict.future(GOOD, timeout=TIMEOUT).add_done_callback(ended.put)
        for _ in range(2):
            ended.get(timeout=TIMEOUT)  # one may wait: once two are refused, the third is queued
        scrape = Scrape.of(app)
        gate.open()
        working.result()
        assert app._listener._pool.wait_idle(TIMEOUT)
        later = Scrape.of(app)
    in_flight = "ridgeline_calls_in_flight"
    assert scrape.value(in_flight, pool="unary", state="running") == 1
    assert scrape.value(in_flight, pool="unary", state="queued") == 1
    assert scrape.value("ridgeline_calls_total", code="RESOURCE_EXHAUSTED", reason="OVERLOADED") == 2
    assert later.value(in_flight) == 0
    assert later.value("ridgeline_calls_total", method="Predict") == 4


def test_an_open_stream_is_in_flight(toy_models: Path) -> None:
    go_on = threading.Event()

    def messages() -> Iterator[pb.PredictStreamRequest]:
        yield pb.PredictStreamRequest(open=pb.StreamOpen())
        go_on.wait(TIMEOUT)

    with serving(toy_models, ops_address=ANY_PORT) as app, connect(app.address) as wire:
        call = wire.stub.PredictStream(messages(), timeout=TIMEOUT)
        next(call)
        scrape = Scrape.of(app)
        go_on.set()
        assert list(call) == []
    assert scrape.value("ridgeline_calls_in_flight", pool="stream") == 1
    assert scrape.value("ridgeline_calls_in_flight") == 1


def test_a_server_is_ready_from_its_load_until_it_is_told_to_stop(toy_models: Path) -> None:
    app = new_app(toy_models, ops_address=ANY_PORT)
    app.listen()
    try:
        loading = Scrape.of(app)
        app.load()
        serving_now = Scrape.of(app)
    finally:
        app.stop()
    assert (loading.value("ridgeline_ready"), loading.value("ridgeline_model_info")) == (0, 0)
    assert serving_now.value("ridgeline_ready") == 1
    assert serving_now.value("ridgeline_model_info", **VERSION) == 1
    assert serving_now.value("ridgeline_load_seconds") > 0


def test_servers_in_one_process_count_apart(wire: Wire, since: Since, toy_models: Path) -> None:
    with serving(toy_models, ops_address=ANY_PORT) as other, connect(other.address) as other_wire:
        other_wire.predict(GOOD)
        assert Scrape.of(other).value("ridgeline_calls_total") == 1
    assert since.value("ridgeline_calls_total") == 0


def test_without_metrics_there_is_no_page_and_prices_are_the_same(wire: Wire, toy_models: Path) -> None:
    with serving(toy_models, ops_address=ANY_PORT, metrics=False) as app, connect(app.address) as plain:
        assert plain.predict(GOOD).prediction == wire.predict(GOOD).prediction
        with pytest.raises(HTTPError) as caught:
            urlopen(f"http://{app.ops_address}/metrics", timeout=TIMEOUT)
    caught.value.close()
    assert caught.value.code == 404


def test_metrics_that_fail_do_not_fail_a_prediction(
    toy_models: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with serving(toy_models, ops_address=ANY_PORT) as app, connect(app.address) as wire:
        monkeypatch.setattr(RowTotals, "add", fail)
        with caplog.at_level(logging.ERROR):
            prices = [wire.predict(GOOD).prediction.price for _ in range(3)]
        scrape = Scrape.of(app)
    assert len(set(prices)) == 1
    assert scrape.value("ridgeline_observer_errors_total") == 3
    assert scrape.value("ridgeline_calls_total", code="OK") == 3
    assert len([r for r in caplog.records if r.exc_info]) == 1
