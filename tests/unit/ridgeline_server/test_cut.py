"""Calls that are ended from outside, and calls that are counted until they are over."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import grpc

from ridgeline_server.transport.in_flight import InFlight
from ridgeline_server.transport.receive import cut


class OtherContext:
    """A call of a grpcio whose inside is another."""

    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


def test_with_another_grpcio_a_call_is_cancelled_by_what_it_publishes() -> None:
    context = OtherContext()
    cut(cast("grpc.ServicerContext", context))
    assert context.cancelled


class Call:
    """A call that ends when a test says so, or has ended before anybody asked."""

    def __init__(self, *, over: bool = False) -> None:
        self._over = over
        self.ended: Callable[[], None]

    def add_callback(self, callback: Callable[[], None]) -> bool:
        self.ended = callback
        return not self._over


def test_a_call_is_in_flight_until_it_is_over() -> None:
    in_flight, calls = InFlight(), [Call(), Call(), Call(over=True)]
    for call in calls:
        in_flight.enter(cast("grpc.ServicerContext", call))
    assert in_flight.count == 2
    assert not in_flight.wait_none(0)
    for call in calls[:2]:
        call.ended()
    assert in_flight.wait_none(0)
