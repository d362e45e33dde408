"""Chunks of several streams in lockstep: each round of them is priced in a drawn order."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from ridgeline_server.domain import PredictionBatch
from ridgeline_server.transport import payload, stream

_PATIENCE_S = 60.0


class Rounds:
    """Holds chunks until `count` are there, has them priced one by one in an order of its own, and lets
    none go before all are priced.

    So whatever two streams shared would be overwritten before it is read. Callers send equally many chunks
    each: a chunk that waits alone fails after a minute.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int, seed: int) -> None:
        self.orders: list[list[int]] = []
        """The order of each round: places in the order of arrival."""
        self._random = random.Random(seed)
        self._count = count
        self._left: list[int] = []
        self._moved = threading.Condition()
        arrived = threading.Barrier(count, action=self._draw, timeout=_PATIENCE_S)
        done = threading.Barrier(count, timeout=_PATIENCE_S)
        real = payload.priced

        def priced(*arguments: Any) -> PredictionBatch:
            place = arrived.wait()
            with self._moved:
                assert self._moved.wait_for(lambda: self._left[0] == place, _PATIENCE_S)
                answer = real(*arguments)
                self._left.pop(0)
                self._moved.notify_all()
            done.wait()
            return answer

        monkeypatch.setattr(stream, "priced", priced)

    def _draw(self) -> None:
        order = self._random.sample(range(self._count), self._count)
        self.orders.append(order)
        self._left = [*order]
