"""One call: bytes out, bytes in, a deadline, a size check, errors of this package."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from ridgeline_client.errors import MessageTooLarge
from ridgeline_client.status import error_of

Answer = TypeVar("Answer", bound=Message)


class Deadline:
    """The moment by which a call must be over, however many messages it takes."""

    def __init__(self, timeout: float) -> None:
        if not (timeout > 0 and math.isfinite(timeout)):
            raise ValueError(f"timeout must be a number of seconds above 0, got {timeout!r}")
        self.timeout = timeout
        self._end = time.monotonic() + timeout

    def remaining(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(0.0, self._end - time.monotonic())


class Calls:
    """Unary calls over one channel."""

    def __init__(self, channel: grpc.Channel, target: str) -> None:
        self._channel = channel
        self._target = target
        self._callables: dict[str, Callable[..., Any]] = {}

    def unary(self, method: str, request: bytes, answer: type[Answer], deadline: Deadline) -> Answer:
        """Send a serialised request to a method, such as "/ridgeline.v1.PricingService/Predict".

        Raises:
            RidgelineError: see `ridgeline_client.errors`.
        """
        if method not in self._callables:
            # No serializer: the request was serialised once already, to know its size.
            self._callables[method] = self._channel.unary_unary(
                method, response_deserializer=answer.FromString
            )
        try:
            result: Answer = self._callables[method](request, timeout=deadline.remaining())
        except grpc.RpcError as call:
            raise error_of(call, self._target, deadline.timeout) from call
        return result


def checked_bytes(request: Message, limit: int, row_count: int = 1) -> bytes:
    """Serialise a request. Raises MessageTooLarge above `limit` bytes."""
    data: bytes = request.SerializeToString()
    if len(data) > limit:
        raise MessageTooLarge.of_request(len(data), limit, row_count)
    return data
