"""Closed arrivals: each of a number of callers asks again as soon as it has its answer."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.calls import OK, Ask, Calls, connected
from harness.latency import LatencyHistogram


@dataclass(slots=True, eq=False)
class ClosedRun:
    """What became of the calls of a closed loop.

    Attributes:
        seconds: how long calls were sent.
        latency: of the calls that were answered with OK, from when they were sent.
        codes: calls by the name of their status.
    """

    seconds: float = 0.0
    latency: LatencyHistogram = field(default_factory=LatencyHistogram)
    codes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Bounds:
    """A run ends after so many seconds or calls, whichever comes first."""

    seconds: float
    calls: int | None = None


async def run_closed(calls: Calls, callers: int, bounds: Bounds) -> ClosedRun:
    """Ask from `callers` callers, each with a connection of its own; see `ask_closed`.

    TimeoutError when connections do not come about.
    """
    async with connected(calls, callers) as asks:
        return await ask_closed(asks, calls.requests, bounds)


async def ask_closed(asks: Sequence[Ask], requests: Sequence[bytes], bounds: Bounds) -> ClosedRun:
    """Let each of `asks` send the next request as soon as its last one is answered, within `bounds`."""
    run = ClosedRun()
    began = time.perf_counter()
    sent = 0

    async def go_on(ask: Ask) -> None:
        nonlocal sent
        while sent != bounds.calls and (start := time.perf_counter()) < began + bounds.seconds:
            request = requests[sent % len(requests)]
            sent += 1
            code = await ask(request)
            run.codes[code] += 1
            if code == OK:
                run.latency.record_us((time.perf_counter() - start) * 1e6)

    await asyncio.gather(*map(go_on, asks))
    run.seconds = time.perf_counter() - began
    return run
