"""A gate in front of the model: calls are held where a test wants them, without sleeping."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from ridgeline_server.engine.model import OnnxGraph

_PATIENCE_S = 60.0


def before_each_run(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Call `do` before a graph is run, however that is done; what it raises the run raises."""
    for name in ("run", "run_row"):
        real = getattr(OnnxGraph, name)

        def run(*arguments: Any, real: Callable[..., Any] = real) -> Any:
            do()
            return real(*arguments)

        monkeypatch.setattr(OnnxGraph, name, run)


class Gate:
    """Counts model runs and, while closed, holds them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs = 0
        self._entered = threading.Semaphore(0)
        self._opened = threading.Event()
        self._opened.set()
        before_each_run(monkeypatch, self._pass)

    def _pass(self) -> None:
        self.runs += 1
        self._entered.release()
        assert self._opened.wait(_PATIENCE_S)

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
