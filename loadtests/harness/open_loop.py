"""Open arrivals: every call is sent when it is due, whatever became of the earlier ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.arrivals import Seconds
from harness.calls import Ask, Calls, connected


@dataclass(frozen=True, slots=True, eq=False)
class OpenRun:
    """What became of n calls. Times are seconds since the beginning, float64[n].

    Attributes:
        due: when each call was to be sent.
        sent: when it was handed to gRPC; NaN: never, the run was interrupted before.
        ended: when its answer or error was there; NaN: not before the run was interrupted.
        codes: names of the statuses, "" where `ended` is NaN.
    """

    due: Seconds
    sent: Seconds
    ended: Seconds
    codes: npt.NDArray[np.str_]

    def since(self, start: float) -> OpenRun:
        """The calls that were due at `start` seconds or later, with times since then."""
        kept = self.due >= start
        due, sent, ended = (values[kept] - start for values in (self.due, self.sent, self.ended))
        return OpenRun(due, sent, ended, self.codes[kept])


async def run_open(calls: Calls, due: Seconds, connections: int) -> OpenRun:
    """Connect and do as `send_open` does. TimeoutError when connections do not come about."""
    async with connected(calls, connections) as asks:
        return await send_open(asks, calls.requests, due)


async def send_open(asks: Sequence[Ask], requests: Sequence[bytes], due: Seconds) -> OpenRun:
    """Send a request at each of `due`, with `asks` in turn, and wait until every call has ended.

    Being cancelled ends it early: what was sent and answered by then is returned.
    """
    sender = _Sender(asks, requests, due)
    try:
        await sender.send_all()
    except asyncio.CancelledError:
        sender.give_up()
    return sender.made()


class _Sender:
    def __init__(self, asks: Sequence[Ask], requests: Sequence[bytes], due: Seconds) -> None:
        self._asks = asks
        self._requests = requests
        self._due = due
        # Lists: setting an element of an array takes several times as long.
        self._sent = [np.nan] * len(due)
        self._ended = [np.nan] * len(due)
        self._codes = [""] * len(due)
        self._under_way: set[asyncio.Task[None]] = set()
        self._began = 0.0

    async def send_all(self) -> None:
        self._began = time.perf_counter()
        for place, due in enumerate(self._due.tolist()):
            await asyncio.sleep(max(0.0, due - self._now()))  # when late, too: answers are taken as they come
            task = asyncio.create_task(self._send(place))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _send(self, place: int) -> None:
        ask = self._asks[place % len(self._asks)]
        request = self._requests[place % len(self._requests)]
        self._sent[place] = self._now()
        code = await ask(request)
        self._ended[place] = self._now()
        self._codes[place] = code

    def _now(self) -> float:
        return time.perf_counter() - self._began

    def give_up(self) -> None:
        for task in self._under_way:
            task.cancel()

    def made(self) -> OpenRun:
        return OpenRun(self._due, np.array(self._sent), np.array(self._ended), np.array(self._codes))
