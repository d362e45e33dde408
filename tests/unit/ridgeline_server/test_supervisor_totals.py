"""What workers have counted, with those that are gone."""

from __future__ import annotations

import threading
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from ridgeline_server.monitoring.pages import parse
from ridgeline_server.supervisor.totals import Totals
from ridgeline_server.supervisor.worker import Worker

CALLS = (
    "# HELP ridgeline_calls_total Calls.\n# TYPE ridgeline_calls_total counter\nridgeline_calls_total {}\n"
)


class Counting:
    """A worker that has counted `calls`; it may be silent, or answer late."""

    def __init__(self) -> None:
        self.calls = 0
        self.silent = False

    def ask(self, path: str) -> str | None:
        assert path == "/metrics"
        return None if self.silent else CALLS.format(self.calls)


def join(totals: Totals, worker: Any) -> Any:
    totals.join(cast("Worker", worker))
    return worker


def seen(totals: Totals) -> float:
    page = parse(totals.page([]).decode())
    return sum(sample.value for metric in page for sample in metric.samples)


class Lives(RuleBasedStateMachine):
    """Workers come, count, fall silent and go; somebody looks now and then."""

    alive = Bundle("alive")

    def __init__(self) -> None:
        super().__init__()
        self.totals = Totals()
        self.counted = 0
        self.highest = 0.0

    @rule(target=alive)
    def start(self) -> Counting:
        return cast("Counting", join(self.totals, Counting()))

    @rule(worker=alive, calls=st.integers(1, 9))
    def count(self, worker: Counting, calls: int) -> None:
        worker.calls += calls
        self.counted += calls

    @rule(worker=alive)
    def fall_silent(self, worker: Counting) -> None:
        worker.silent = True

    @rule(worker=alive)
    def speak(self, worker: Counting) -> None:
        worker.silent = False

    @rule()
    def poll(self) -> None:
        self.totals.ask()

    @rule(worker=consumes(alive))
    def die(self, worker: Counting) -> None:
        worker.silent = True
        self.totals.leave(cast("Worker", worker))

    @rule()
    def look(self) -> None:
        now = seen(self.totals)
        assert self.highest <= now <= self.counted
        self.highest = now

    @invariant()
    def nothing_is_counted_twice(self) -> None:
        assert self.highest <= self.counted


TestLives = Lives.TestCase


@given(st.lists(st.integers(0, 99), min_size=1, max_size=5))
def test_what_was_seen_of_a_worker_stays_when_it_is_gone(calls: list[int]) -> None:
    totals = Totals()
    for number in calls:
        worker = join(totals, Counting())
        worker.calls = number
        totals.ask()
        totals.leave(worker)
    assert seen(totals) == sum(calls)


def test_what_a_worker_counted_after_the_last_look_is_lost_with_it() -> None:
    totals = Totals()
    worker = join(totals, Counting())
    worker.calls = 3
    totals.ask()
    worker.calls = 5
    totals.leave(worker)
    assert seen(totals) == 3


def test_what_a_worker_was_doing_is_gone_with_it() -> None:
    class Busy(Counting):
        def ask(self, path: str) -> str | None:
            return "# TYPE ridgeline_calls_in_flight gauge\nridgeline_calls_in_flight 3\n"

    totals = Totals()
    worker = join(totals, Busy())
    assert seen(totals) == 3
    totals.leave(worker)
    assert seen(totals) == 0


def test_a_worker_that_went_before_it_was_asked_leaves_nothing() -> None:
    totals = Totals()
    totals.leave(cast("Worker", Counting()))
    assert totals.page([]) == b""


def test_an_answer_that_comes_after_its_worker_has_gone_counts_nothing_twice() -> None:
    class Late(Counting):
        def ask(self, path: str) -> str | None:
            asked.set()
            assert gone.wait(60)
            return super().ask(path)

    asked, gone, totals = threading.Event(), threading.Event(), Totals()
    worker = join(totals, Late())
    worker.calls = 4
    asking = threading.Thread(target=totals.ask)
    asking.start()
    assert asked.wait(60)
    totals.leave(worker)
    gone.set()
    asking.join(60)
    assert seen(totals) == 0
