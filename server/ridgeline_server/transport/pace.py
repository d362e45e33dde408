"""Slows a stream down to its caller's rate."""

from __future__ import annotations

import threading
from collections.abc import Callable

import grpc

from ridgeline_server.errors import PricingError

_LOOK_S = 0.25  # how often a stream that waits looks whether the server drains


def wait_for_rate(
    debt: Callable[[], float], context: grpc.ServicerContext, refusal: Callable[[], PricingError | None]
) -> None:
    """Wait until the `debt` in seconds is gone.

    Raises:
        grpc.RpcError: the caller left.
        PricingError: what `refusal` says, as soon as it says something.
    """
    if not (left := debt()):
        return
    ended = threading.Event()
    if not context.add_callback(ended.set):
        raise grpc.RpcError
    while left:
        if ended.wait(min(left, _LOOK_S)):
            raise grpc.RpcError
        if (why := refusal()) is not None:
            raise why
        left = debt()
