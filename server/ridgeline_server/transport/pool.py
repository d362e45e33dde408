"""A thread pool that stays small and cannot be held.

A Python server is fastest with about two active threads, but grpcio gives a call its thread before the
caller has sent its message, and waits without a limit. So a call that waits for its message is parked: while
other calls queue behind parked ones, spare threads take over, and a call parked longer than the limit is
cancelled. When calls queue and half of all threads are parked the limit becomes short: callers who send
headers and nothing else cannot use up the rest. `submit` never raises: an exception there would kill
grpcio's serving thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent import futures
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

_log = logging.getLogger(__name__)

_P = ParamSpec("_P")
_T = TypeVar("_T")

_TICK_S = 0.01  # how long calls queue behind parked ones before a spare thread comes
_WATCH_S = 0.5  # how often parked calls are looked at when nothing queues
_SHORT_PARK_S = 0.25  # for a message that is under way, in a hurry or when threads run out
_SPARES = 8  # spare threads started in one tick
_SPARE_IDLE_S = 0.2  # how long a spare thread waits for more work before it leaves


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """`active` threads work, up to `threads` exist, a call may be parked `park_s` seconds, and `short_park_s`
    when threads run out."""

    active: int = 2
    threads: int = 256
    park_s: float = 5.0
    short_park_s: float = _SHORT_PARK_S


@dataclass(slots=True)
class _Task:
    future: futures.Future[Any]
    run: Callable[[], Any]
    queued: float


@dataclass(slots=True)
class Parked:
    """A call that waits for its caller.

    Attributes:
        cancelled: it has waited too long and was ended.
        hurried: it was ended because the pool is in a hurry.
    """

    since: float
    cancel: Callable[[], object]
    cancel_hurried: Callable[[], object]
    cancelled: bool = False
    hurried: bool = False


class Parking:
    """A block in which the current thread waits for a caller."""

    __slots__ = ("_all", "_lock", "_me", "_parked")

    def __init__(self, everyone: dict[int, Parked], lock: threading.Condition, parked: Parked) -> None:
        self._all = everyone
        self._lock = lock
        self._parked = parked
        self._me = threading.get_ident()

    def __enter__(self) -> Parked:
        self._all[self._me] = self._parked
        return self._parked

    def __exit__(self, *_: object) -> None:
        with self._lock:
            del self._all[self._me]


class ParkingPool(futures.ThreadPoolExecutor):
    """The pool of one server. grpcio takes nothing but a ThreadPoolExecutor; nothing of that one is used.

    Threads are daemons: a stuck one never keeps the process from leaving.
    """

    def __init__(self, limits: PoolLimits, waited: Callable[[float], object] = lambda _: None) -> None:
        """`waited` is told, for each call, how many seconds it waited for its thread."""
        super().__init__(max_workers=1)  # it starts threads in its own `submit` only
        self._limits = limits
        self._waited = waited
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._lock = threading.Condition()
        self._parked: dict[int, Parked] = {}
        self._pending = 0
        self._alive = 0
        self._hurry_s: float | None = None
        self._closed = False
        self._queued = threading.Event()
        for _ in range(limits.active):
            self._start_thread(spare=False)
        threading.Thread(target=self._watch, name="pool-watch", daemon=True).start()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> futures.Future[_T]:
        """Queue a call; after `shutdown` the returned future is cancelled instead."""
        future: futures.Future[_T] = futures.Future()
        with self._lock:
            if self._closed:
                future.cancel()
                return future
            self._pending += 1
        self._tasks.put(_Task(future, lambda: fn(*args, **kwargs), time.perf_counter()))
        if not self._queued.is_set():  # the watcher looks every 10 ms while there is work, and sleeps without
            self._queued.set()
        return future

    def parked(
        self, cancel: Callable[[], object], cancel_hurried: Callable[[], object] | None = None
    ) -> Parking:
        """Mark the current thread as waiting for a caller while the block runs. One of the two ends the wait
        from outside, never once it is over; `cancel_hurried` does after `hurry`."""
        return Parking(self._parked, self._lock, Parked(time.monotonic(), cancel, cancel_hurried or cancel))

    @property
    def pending(self) -> int:
        """Calls that wait for a thread or run."""
        return self._pending

    @property
    def backlog(self) -> int:
        """Calls that wait for a thread."""
        return self._tasks.qsize()

    def readings(self) -> Mapping[str, Callable[[], int]]:
        """Ways to read how many calls wait for a thread, wait for their caller, and run."""
        return {
            "queued": lambda: self.backlog,
            "parked": lambda: len(self._parked),
            "running": lambda: max(0, self._pending - self.backlog - len(self._parked)),
        }

    def wait_idle(self, timeout: float) -> bool:
        """Wait until no call is queued or running; False when `timeout` seconds were not enough."""
        with self._lock:
            return self._lock.wait_for(lambda: self._pending == 0, timeout)

    def hurry(self, park_s: float = _SHORT_PARK_S) -> None:
        """From now on a call that waits for its caller is ended after `park_s` seconds."""
        self._hurry_s = park_s
        self._queued.set()

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:  # noqa: ARG002  # inherited
        """Take no more calls and let the threads leave once the queue is empty; never waits."""
        with self._lock:
            self._closed = True
            threads = self._alive
        for _ in range(threads):
            self._tasks.put(None)
        self._queued.set()

    def _start_thread(self, *, spare: bool) -> None:
        with self._lock:
            if self._alive >= self._limits.threads:
                return
            self._alive += 1
        try:
            threading.Thread(target=self._work, args=(spare,), name="pool", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._alive -= 1
            _log.exception("cannot start a thread; %d calls are waiting", self.backlog)

    def _work(self, spare: bool) -> None:
        try:
            while (task := self._next_task(spare)) is not None:
                self._run(task)
                if spare and self._alive - len(self._parked) > self._limits.active:
                    return
        finally:
            with self._lock:
                self._alive -= 1

    def _next_task(self, spare: bool) -> _Task | None:
        try:
            return self._tasks.get(timeout=_SPARE_IDLE_S if spare else None)
        except Empty:
            return None

    def _run(self, task: _Task) -> None:
        try:
            if task.future.set_running_or_notify_cancel():
                self._waited(time.perf_counter() - task.queued)
                task.future.set_result(task.run())
        except BaseException as error:  # noqa: BLE001  # the thread must live on, whatever a call raises
            task.future.set_exception(error)
        finally:
            with self._lock:
                self._pending -= 1
                if not self._pending:
                    self._lock.notify_all()

    def _watch(self) -> None:
        while not self._closed:
            self._queued.wait(_WATCH_S)
            self._queued.clear()
            self._cancel_overdue()
            while (self._pending or self._hurry_s is not None) and not self._closed:
                time.sleep(_TICK_S)
                self._relieve()

    def _relieve(self) -> None:
        self._cancel_overdue()
        held = self._parked_for(_TICK_S)
        if self._alive - held < self._limits.active:
            for _ in range(min(self.backlog, _SPARES)):
                self._start_thread(spare=True)

    def _parked_for(self, seconds: float) -> int:
        before = time.monotonic() - seconds
        return sum(p.since <= before for p in list(self._parked.values()))

    def _cancel_overdue(self) -> None:
        scarce = self.backlog > 0 and 2 * len(self._parked) > self._limits.threads
        limit = min(self._limits.park_s, self._limits.short_park_s) if scarce else self._limits.park_s
        hurried = self._hurry_s is not None
        if self._hurry_s is not None:
            limit = min(limit, self._hurry_s)
        overdue = time.monotonic() - limit
        with self._lock:  # so that no call is ended that has stopped waiting
            for parked in list(self._parked.values()):
                if parked.since <= overdue and not parked.cancelled:
                    parked.cancelled, parked.hurried = True, hurried
                    (parked.cancel_hurried if hurried else parked.cancel)()
