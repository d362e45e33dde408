"""Calls that have begun and whose answers are not out yet."""

from __future__ import annotations

import threading

import grpc


class InFlight:
    """Counts calls from their thread to their last byte. Safe to share between threads."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return self._count

    def enter(self, context: grpc.ServicerContext) -> None:
        """A call has begun; it leaves by itself, once its status is written or its caller is gone."""
        with self._moved:
            self._count += 1
        if not context.add_callback(self._leave):  # it is over already
            self._leave()

    def wait_none(self, timeout: float) -> bool:
        """Wait until there is none; False when `timeout` seconds were not enough."""
        with self._moved:
            return self._moved.wait_for(lambda: self._count == 0, timeout)

    def _leave(self) -> None:
        with self._moved:
            self._count -= 1
            if not self._count:
                self._moved.notify_all()
