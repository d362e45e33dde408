"""Threads that do their work for as long as a block lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

_PATIENCE_S = 120.0


class Threads:
    """Run each of `work` on a thread of its own from entering to leaving; it ends once `over` is set."""

    def __init__(self, work: Iterable[Callable[[], object]]) -> None:
        self.over = threading.Event()
        self._threads = [threading.Thread(target=each, daemon=True) for each in work]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join(_PATIENCE_S)
            assert not thread.is_alive(), "a call has not ended"
