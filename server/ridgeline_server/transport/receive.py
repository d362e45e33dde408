"""Waits for callers, and ends calls whose callers are waited for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc

from ridgeline_server.errors import NotReady
from ridgeline_server.transport.pool import ParkingPool

_CUT = "the server is draining and did not wait for the next message, try another one or try again"


def next_message(requests: Iterator[bytes], pool: ParkingPool, context: grpc.ServicerContext) -> bytes | None:
    """Wait for the next message; None when there are no more.

    Raises:
        grpc.RpcError: the caller left, or was silent for too long.
        NotReady: the server drains and the caller was silent.
    """
    with pool.parked(context.cancel, partial(cut, context)) as parked:
        try:
            raw = next(requests, None)
        except grpc.RpcError:
            raw = None
    if parked.hurried:
        raise NotReady("draining")
    # grpcio may tell of a call that was cut off as if the caller had ended it properly.
    if parked.cancelled or (raw is None and not context.is_active()):
        raise grpc.RpcError
    return raw


def cut(context: grpc.ServicerContext) -> None:
    """End a call from a thread other than its own, with UNAVAILABLE.

    `context.cancel` would say CANCELLED, as if the caller had wanted it, and nothing else grpcio publishes
    reaches a call whose thread waits.
    """
    try:
        call: Any = context._rpc_event.call  # type: ignore[attr-defined]  # noqa: SLF001  # see above
        call.cancel(grpc.StatusCode.UNAVAILABLE.value[0], _CUT)
    except (AttributeError, TypeError):  # another grpcio
        context.cancel()
