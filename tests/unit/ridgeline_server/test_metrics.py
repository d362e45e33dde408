"""Counting rows and calls, without a server."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from concurrent import futures
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from ridgeline.guard import Action
from ridgeline.notices import NoticeKind
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.domain import PredictionBatch, Tally
from ridgeline_server.engine.tally import tally
from ridgeline_server.errors import Violation
from ridgeline_server.monitoring.calls import CallMetrics
from ridgeline_server.monitoring.observer import Observers
from ridgeline_server.monitoring.rows import BATCH_EDGES, RowTotals
from ridgeline_server.transport.call import Calls
from ridgeline_server.transport.pool import ParkingPool, PoolLimits
from ridgeline_server.transport.rpc import StreamMethod, UnaryMethod, stream, unary
from support.context import Context
from support.manifests import manifest

PATIENCE_S = 60.0
ACTIONS = [0, *(NoticeKind[a.name].bit for a in Action if a is not Action.NONE)]
CELLS = [k.bit for k in NoticeKind if k.bit not in ACTIONS and k is not NoticeKind.ROW_ERROR]


def counted(rows: list[tuple[int, float]], violations: tuple[Any, ...] = ()) -> Tally:
    """Rows by flags and width of their interval, NaN for none."""
    nothing = np.full(len(rows), math.nan)
    checked = cast("Any", SimpleNamespace(violation_counts=violations))
    flags = np.array([flags for flags, _ in rows], dtype=np.int32)
    upper = np.array([70.0 + width for _, width in rows])
    answer = PredictionBatch(nothing, nothing, np.full(len(rows), 70.0), upper, flags, checked)
    return tally(answer)


flags_of_rows = st.one_of(
    st.just(NoticeKind.ROW_ERROR.bit),
    st.builds(
        lambda action, cells: action | sum(cells), st.sampled_from(ACTIONS), st.sets(st.sampled_from(CELLS))
    ),
)
rows_of_batches = st.tuples(flags_of_rows, st.one_of(st.just(math.nan), st.floats(0, 1e6)))


@given(st.lists(st.lists(rows_of_batches, max_size=30), max_size=6))
def test_batches_are_counted_as_if_row_by_row(batches: list[list[tuple[int, float]]]) -> None:
    totals = RowTotals(manifest())
    for batch in batches:
        totals.add(counted(batch))
    seen, rows = totals.read(), [row for batch in batches for row in batch]
    assert seen.rows == len(rows)
    assert seen.kinds == {kind: sum(bool(flags & kind.bit) for flags, _ in rows) for kind in NoticeKind}
    acted = Counter(flags & sum(ACTIONS) for flags, _ in rows if flags != NoticeKind.ROW_ERROR.bit)
    assert list(seen.actions.values()) == [acted[bit] for bit in ACTIONS]
    widths = [width for _, width in rows if not math.isnan(width)]
    known, width = seen.intervals
    assert known == len(widths)
    assert width == pytest.approx(sum(widths), abs=1e-4)
    ends = [*BATCH_EDGES, math.inf]
    assert [(float(end), count) for end, count in seen.batches] == [
        (end, sum(len(batch) <= end for batch in batches)) for end in ends
    ]


def test_names_that_are_no_feature_are_not_kept() -> None:
    totals = RowTotals(manifest())
    ram = manifest().features[0].name
    found = ((Reason.NOT_FINITE, ram, 3), (Reason.UNKNOWN_FEATURE, "shelf", 2), (Reason.EMPTY_RECORD, "", 1))
    totals.add(counted([(NoticeKind.ROW_ERROR.bit, math.nan)], found))
    totals.refuse([Violation(Reason.UNKNOWN_FEATURE, "", feature=f"f{i}") for i in range(40)])
    totals.refuse([Violation(Reason.DUPLICATE_FEATURE, "", feature=ram)])
    assert totals.read().errors == {
        (ram, "NOT_FINITE"): 3,
        ("", "UNKNOWN_FEATURE"): 42,
        ("", "EMPTY_RECORD"): 1,
        (ram, "DUPLICATE_FEATURE"): 1,
    }


def test_nothing_is_lost_when_many_threads_count() -> None:
    totals, registry = RowTotals(manifest()), CollectorRegistry()
    calls = CallMetrics(registry, ["Predict"])
    batch = counted([(0, 1.0), (NoticeKind.IMPUTED.bit, 2.0)])

    def count(_: int) -> None:
        for _ in range(200):
            totals.add(batch)
            calls.ended("Predict", "NOT_FOUND", "UNKNOWN_MODEL")

    with futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    assert totals.read().rows == 2 * 1600
    assert totals.read().intervals == (3200, 3 * 1600.0)
    ending = {"method": "Predict", "code": "NOT_FOUND", "reason": "UNKNOWN_MODEL"}
    assert registry.get_sample_value("ridgeline_calls_total", ending) == 1600


def test_a_time_is_in_every_bucket_that_ends_at_it_or_later_and_in_the_sum() -> None:
    registry = CollectorRegistry()
    calls = CallMetrics(registry, ["Predict"])
    calls.watch_pool("unary", {})
    for seconds in (0.0001, 0.002, 0.25, 4.0):
        calls.answered("Predict", seconds)
    calls.waited("unary", 0.5)
    answers, label = "ridgeline_answer_seconds", {"method": "Predict"}
    within = {
        le: registry.get_sample_value(f"{answers}_bucket", {**label, "le": le})
        for le in ("0.0001", "0.001", "0.002", "0.2", "0.5", "1.0", "+Inf")
    }
    assert list(within.values()) == [1, 1, 2, 2, 3, 3, 4]
    assert registry.get_sample_value(f"{answers}_sum", label) == pytest.approx(4.2521)
    assert registry.get_sample_value("ridgeline_queue_wait_seconds_sum", {"pool": "unary"}) == 0.5


class Recorder:
    """An observer that keeps what it is told, or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.told: list[tuple[Any, ...]] = []
        self._fails = fails

    def _note(self, *facts: Any) -> None:
        self.told.append(facts)
        if self._fails:
            raise RuntimeError("full")

    waited = answered = ended = priced = refused = _note


def test_every_observer_is_told_although_one_fails(caplog: pytest.LogCaptureFixture) -> None:
    bad, good, errors = Recorder(fails=True), Recorder(), []
    observers = Observers([bad, good], [bad, good], lambda: errors.append(1))
    batch = counted([(0, 1.0)])
    with caplog.at_level(logging.ERROR):
        observers.waited("unary", 0.1)
        observers.answered("Predict", 0.2)
        observers.ended("Predict", "OK", "")
        observers.priced(manifest(), batch)
        observers.refused(manifest(), [])
    assert good.told == bad.told
    assert [len(facts) for facts in good.told] == [2, 2, 3, 2, 2]
    assert len(errors) == 5
    (record,) = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)


def test_a_pool_tells_how_long_calls_waited_and_what_they_do() -> None:
    waits: list[float] = []
    pool = ParkingPool(PoolLimits(active=1, threads=1, park_s=PATIENCE_S), waits.append)
    states = {name: cast("Any", read) for name, read in pool.readings().items()}
    parked, send, entered, go_on = (threading.Event() for _ in range(4))

    def call() -> None:
        with pool.parked(lambda: None):
            parked.set()
            assert send.wait(PATIENCE_S)
        entered.set()
        assert go_on.wait(PATIENCE_S)

    def now() -> dict[str, int]:
        return {name: read() for name, read in states.items()}

    try:
        first, second = pool.submit(call), pool.submit(lambda: None)
        submitted = time.perf_counter()
        assert parked.wait(PATIENCE_S)
        assert now() == {"queued": 1, "parked": 1, "running": 0}
        send.set()
        assert entered.wait(PATIENCE_S)
        assert now() == {"queued": 1, "parked": 0, "running": 1}
        waited = time.perf_counter() - submitted
        go_on.set()
        futures.wait([first, second], PATIENCE_S)
        assert pool.wait_idle(PATIENCE_S)
        assert now() == {"queued": 0, "parked": 0, "running": 0}
    finally:
        pool.shutdown()
    assert len(waits) == 2
    assert waits[1] >= waited


@pytest.mark.parametrize("kind", ["unary", "stream"])
def test_a_call_that_was_cut_off_is_cancelled_not_malformed_and_not_ok(kind: str) -> None:
    told, pool = Recorder(), ParkingPool(PoolLimits())
    calls, context = (
        Calls(Observers([told]), slow_s=PATIENCE_S),
        cast("Any", Context(active=False)),
    )  # grpcio shows it as one who sends no more messages
    try:
        if kind == "unary":
            handler: Any = unary("Predict", UnaryMethod(pb.PredictRequest, lambda *_: b""), pool, calls)
            assert handler.stream_unary(iter(()), context) == b""
        else:
            method = StreamMethod(pb.PredictStreamRequest, lambda messages, _: messages)
            handler = stream("Predict", method, pool, lambda: None, calls)
            assert list(handler.stream_stream(iter(()), context)) == []
    finally:
        pool.shutdown()
    assert told.told == [("Predict", "CANCELLED", "")]
