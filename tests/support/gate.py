"""A gate in front of the model: calls are held where a test wants them, without sleeping."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from ridgeline_server.domain import Floats
from ridgeline_server.engine.model import OnnxGraph

_PATIENCE_S = 60.0


class Gate:
    """Counts model runs and, while closed, holds them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs = 0
        self._entered = threading.Semaphore(0)
        self._opened = threading.Event()
        self._opened.set()
        real = OnnxGraph.run

        def run(graph: OnnxGraph, output: str, feed: Mapping[str, Any]) -> Floats:
            self.runs += 1
            self._entered.release()
            assert self._opened.wait(_PATIENCE_S)
            return real(graph, output, feed)

        monkeypatch.setattr(OnnxGraph, "run", run)

    def close(self) -> None:
        """Hold runs from now on, and count from zero."""
        self._opened.clear()
        self._entered = threading.Semaphore(0)
        self.runs = 0

    def wait_entered(self) -> None:
        """Wait until one more run is held."""
        assert self._entered.acquire(timeout=_PATIENCE_S)

    def open(self) -> None:
        """Let every run go."""
        self._opened.set()
