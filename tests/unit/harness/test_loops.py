"""Open and closed loops with callers that answer as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import numpy as np

from harness.closed_loop import Bounds, ask_closed
from harness.open_loop import send_open

PATIENCE_S = 60.0
Result = TypeVar("Result")


def done(main: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(asyncio.wait_for(main, PATIENCE_S))


class Caller:
    """Answers with `code`, once `answering` is set."""

    def __init__(self, code: str = "OK", answering: asyncio.Event | None = None) -> None:
        self.asked: list[bytes] = []
        self.in_flight = 0
        self.in_flight_max = 0
        self._code = code
        self._answering = answering

    async def __call__(self, request: bytes) -> str:
        self.asked.append(request)
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        await (self._answering.wait() if self._answering else asyncio.sleep(0))
        self.in_flight -= 1
        return self._code


def test_an_open_loop_sends_every_call_although_none_is_answered() -> None:
    async def main() -> Caller:
        answering = asyncio.Event()
        caller = Caller(answering=answering)
        running = asyncio.ensure_future(send_open([caller], [b""], np.linspace(0, 0.1, 500)))
        while len(caller.asked) < 500:
            await asyncio.sleep(0)
        answering.set()
        assert (await running).codes.tolist() == ["OK"] * 500
        return caller

    assert done(main()).in_flight_max == 500


def test_an_open_loop_takes_requests_and_connections_in_turn() -> None:
    first, second = Caller(), Caller("INTERNAL")
    run = done(send_open([first, second], [b"a", b"b", b"c"], np.zeros(6)))
    assert (first.asked, second.asked) == ([b"a", b"c", b"b"], [b"b", b"a", b"c"])
    assert run.codes.tolist() == ["OK", "INTERNAL"] * 3


def test_an_open_loop_sends_nothing_before_it_is_due() -> None:
    due = np.linspace(0, 0.2, 50)
    run = done(send_open([Caller()], [b""], due))
    assert np.all(run.sent >= due - 1e-6)
    assert np.all(run.ended >= run.sent)


def test_an_open_loop_that_is_interrupted_tells_what_it_has() -> None:
    async def main() -> tuple[list[str], list[bool]]:
        held, free = Caller(answering=asyncio.Event()), Caller()
        running = asyncio.ensure_future(send_open([held, free], [b""], np.array([0.0, 0.0, 3600.0])))
        while not free.asked:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
        run = await running
        return run.codes.tolist(), np.isnan(run.sent).tolist()

    assert done(main()) == (["", "OK", ""], [False, False, True])


def test_a_run_without_its_warm_up_counts_from_when_that_ended() -> None:
    run = done(send_open([Caller()], [b""], np.array([0.0, 0.01, 0.02])))
    measured = run.since(0.01)
    assert np.allclose(measured.due, [0.0, 0.01])
    assert np.allclose(measured.ended - measured.due, (run.ended - run.due)[1:])
    assert measured.codes.tolist() == ["OK"] * 2


def test_a_closed_loop_has_one_call_in_flight_for_each_caller() -> None:
    callers = [Caller() for _ in range(3)]
    run = done(ask_closed(callers, [b"a", b"b"], Bounds(PATIENCE_S, calls=100)))
    assert [caller.in_flight_max for caller in callers] == [1, 1, 1]
    assert sum(len(caller.asked) for caller in callers) == run.codes["OK"] == run.latency.count == 100
    assert min(len(caller.asked) for caller in callers) > 1


def test_a_closed_loop_ends_in_time() -> None:
    run = done(ask_closed([Caller()], [b""], Bounds(0.05)))
    assert run.seconds >= 0.05
    assert run.codes["OK"] > 1


def test_errors_of_a_closed_loop_are_counted_and_no_latencies() -> None:
    run = done(ask_closed([Caller("UNAVAILABLE")], [b""], Bounds(PATIENCE_S, calls=5)))
    assert run.codes == {"UNAVAILABLE": 5}
    assert run.latency.count == 0
