"""Model runs of several streams in lockstep: each round of runs ends in a drawn order."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from ridgeline_server.domain import Floats
from ridgeline_server.engine.model import OnnxGraph

_PATIENCE_S = 60.0


class Rounds:
    """Holds model runs until `count` are there, then lets them go one after another in an order of its own.

    So between two runs of one stream every other stream has one run, before or after as drawn. Callers
    make equally many runs each: a run that waits alone fails after a minute.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int, seed: int) -> None:
        self.orders: list[list[int]] = []
        """The order of each round: places in the order of arrival."""
        self._random = random.Random(seed)
        self._count = count
        self._left: list[int] = []
        self._moved = threading.Condition()
        arrived = threading.Barrier(count, action=self._draw, timeout=_PATIENCE_S)
        real = OnnxGraph.run

        def run(graph: OnnxGraph, output: str, feed: Mapping[str, Any]) -> Floats:
            place = arrived.wait()
            with self._moved:
                assert self._moved.wait_for(lambda: self._left[0] == place, _PATIENCE_S)
                try:
                    return real(graph, output, feed)
                finally:
                    self._left.pop(0)
                    self._moved.notify_all()

        monkeypatch.setattr(OnnxGraph, "run", run)

    def _draw(self) -> None:
        order = self._random.sample(range(self._count), self._count)
        self.orders.append(order)
        self._left = [*order]
