"""The pool on its own: it runs what it is given, stays small, cannot be held and never raises."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from ridgeline_server.transport.pool import ParkingPool, PoolLimits

PATIENCE_S = 60.0


@pytest.fixture
def make() -> Iterator[Callable[..., ParkingPool]]:
    """Make pools; they are shut down at the end."""
    pools = []

    def new(active: int = 1, threads: int = 8, park_s: float = PATIENCE_S) -> ParkingPool:
        pools.append(ParkingPool(PoolLimits(active, threads, park_s)))
        return pools[-1]

    yield new
    for pool in pools:
        pool.shutdown()


class Caller:
    """A call that waits for a message which comes with `send` or never; its cancel counts."""

    def __init__(self, pool: ParkingPool) -> None:
        self._pool = pool
        self._go_on = threading.Event()
        self.parked = threading.Event()
        self.cancels = 0
        self.result = pool.submit(self._behaviour)

    def _behaviour(self) -> str:
        with self._pool.parked(self._cancel):
            self.parked.set()
            assert self._go_on.wait(PATIENCE_S)
        return "cancelled" if self.cancels else "answered"

    def _cancel(self) -> None:
        self.cancels += 1
        self._go_on.set()

    def send(self) -> None:
        self._go_on.set()

    def outcome(self) -> str:
        return self.result.result(PATIENCE_S)


def test_calls_are_run_with_their_arguments(make: Callable[..., ParkingPool]) -> None:
    pool = make(active=2)
    results = [pool.submit(divmod, i, y) for i, y in ((7, 3), (9, 2))]
    assert [r.result(PATIENCE_S) for r in results] == [(2, 1), (4, 1)]
    assert pool.submit(dict, a=1).result(PATIENCE_S) == {"a": 1}


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_a_thread_outlives_whatever_a_call_raises(
    make: Callable[..., ParkingPool], error: BaseException
) -> None:
    pool = make(active=1, threads=1)

    def fail() -> None:
        raise error

    assert pool.submit(fail).exception(PATIENCE_S) is error
    assert pool.submit(lambda: "fine").result(PATIENCE_S) == "fine"
    assert pool.wait_idle(PATIENCE_S)


def test_a_cancelled_call_is_not_run_and_is_not_pending(make: Callable[..., ParkingPool]) -> None:
    pool = make(active=1, threads=1)
    first = Caller(pool)
    assert first.parked.wait(PATIENCE_S)
    ran: list[int] = []
    waiting = [pool.submit(ran.append, i) for i in range(4)]
    assert pool.backlog == 4
    assert all(w.cancel() for w in waiting[:3])
    first.send()
    waiting[3].result(PATIENCE_S)
    assert pool.wait_idle(PATIENCE_S)
    assert (ran, pool.backlog) == ([3], 0)


def test_while_a_call_is_parked_others_are_run(make: Callable[..., ParkingPool]) -> None:
    pool = make(active=1, threads=4)
    parked = [Caller(pool) for _ in range(3)]
    assert all(c.parked.wait(PATIENCE_S) for c in parked)
    assert pool.submit(lambda: "fine").result(PATIENCE_S) == "fine"
    for caller in parked:
        caller.send()
    assert [c.outcome() for c in parked] == ["answered"] * 3
    assert all(not c.cancels for c in parked)


def test_more_parked_calls_than_threads_are_cancelled_until_all_had_their_turn(
    make: Callable[..., ParkingPool],
) -> None:
    pool = make(active=1, threads=2, park_s=0.05)
    callers = [Caller(pool) for _ in range(7)]
    assert pool.submit(lambda: "fine").result(PATIENCE_S) == "fine"
    assert [c.outcome() for c in callers] == ["cancelled"] * 7
    assert [c.cancels for c in callers] == [1] * 7
    assert pool.wait_idle(PATIENCE_S)
    assert pool.backlog == 0


def test_a_call_that_works_is_never_cancelled(make: Callable[..., ParkingPool]) -> None:
    pool = make(active=1, threads=2, park_s=0.2)
    done_waiting, go_on = threading.Event(), threading.Event()
    cancels: list[int] = []

    def behaviour() -> None:
        with pool.parked(lambda: cancels.append(1)):
            pass
        done_waiting.set()
        assert go_on.wait(PATIENCE_S)

    working = pool.submit(behaviour)
    assert done_waiting.wait(PATIENCE_S)
    overdue = Caller(pool)  # queues behind the one that works: its cancel shows that time has passed
    pool.hurry()
    go_on.set()
    working.result(PATIENCE_S)
    assert overdue.outcome() == "cancelled"
    assert not cancels


def test_working_calls_are_not_relieved_by_more_threads(make: Callable[..., ParkingPool]) -> None:
    pool = make(active=2, threads=8)
    together, go_on = threading.Barrier(3), threading.Event()

    def work() -> bool:
        together.wait(PATIENCE_S)
        return go_on.wait(PATIENCE_S)

    working = [pool.submit(work) for _ in range(2)]
    together.wait(PATIENCE_S)
    queued = [pool.submit(lambda: True) for _ in range(4)]
    for _ in range(3):
        pool._relieve()
    assert (pool._alive, pool.backlog) == (2, 4)
    go_on.set()
    assert all(call.result(PATIENCE_S) for call in [*working, *queued])


def test_wait_idle_tells_whether_work_is_left(make: Callable[..., ParkingPool]) -> None:
    pool = make()
    assert pool.wait_idle(0)
    caller = Caller(pool)
    assert not pool.wait_idle(0)
    caller.send()
    assert pool.wait_idle(PATIENCE_S)


def test_parked_calls_can_be_cancelled_all_at_once(make: Callable[..., ParkingPool]) -> None:
    pool = make(active=3)
    callers = [Caller(pool) for _ in range(3)]
    assert all(c.parked.wait(PATIENCE_S) for c in callers)
    pool.hurry()
    assert [c.outcome() for c in callers] == ["cancelled"] * 3
    assert pool.wait_idle(PATIENCE_S)


def test_submit_after_shutdown_returns_a_cancelled_future(make: Callable[..., ParkingPool]) -> None:
    pool = make()
    last = pool.submit(lambda: "queued before")
    pool.shutdown()
    assert last.result(PATIENCE_S) == "queued before"
    for _ in range(2):
        assert pool.submit(lambda: "too late").cancelled()
        pool.shutdown()
    assert pool.wait_idle(PATIENCE_S)


def test_submit_does_not_raise_when_no_thread_can_be_started(
    make: Callable[..., ParkingPool], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pool = make(active=1, threads=4)
    parked = Caller(pool)
    assert parked.parked.wait(PATIENCE_S)
    real, tried = threading.Thread.start, threading.Event()

    def start(thread: threading.Thread) -> None:
        tried.set()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    waiting = [pool.submit(lambda: "fine") for _ in range(3)]
    assert tried.wait(PATIENCE_S)
    assert not any(w.done() for w in waiting)
    monkeypatch.setattr(threading.Thread, "start", real)
    assert [w.result(PATIENCE_S) for w in waiting] == ["fine"] * 3
    parked.send()
    assert parked.outcome() == "answered"
    assert "cannot start a thread" in caplog.text
