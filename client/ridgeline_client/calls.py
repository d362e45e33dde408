"""One call: bytes out, bytes in, a deadline, a size check, errors of this package."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from ridgeline.packed import Part
from ridgeline_client.errors import MessageTooLarge, RidgelineError
from ridgeline_client.status import error_of
from ridgeline_client.token import Metadata

Answer = TypeVar("Answer", bound=Message)


MAX_TIMEOUT = 24 * 3600.0
"""Seconds: a day. Far above it gRPC's clock overflows, and a call fails at once."""


class Deadline:
    """The moment by which a call must be over, however many messages it takes.

    Raises:
        ValueError: the timeout is not above 0 or more than a day.
    """

    def __init__(self, timeout: float) -> None:
        if not 0 < timeout <= MAX_TIMEOUT:
            raise ValueError(
                f"timeout must be a number of seconds above 0 and at most {MAX_TIMEOUT:g} (a day), "
                f"got {timeout!r}"
            )
        self.timeout = timeout
        self._end = time.monotonic() + timeout

    def remaining(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(0.0, self._end - time.monotonic())


class Calls:
    """Calls over one channel."""

    def __init__(self, channel: grpc.Channel, target: str, metadata: Metadata = ()) -> None:
        """`metadata` goes with every call."""
        self._channel = channel
        self._target = target
        self._metadata = metadata
        self._callables: dict[str, Callable[..., Any]] = {}
        self._closed = False

    def close(self) -> None:
        """Close the channel; calls in flight raise ValueError."""
        self._closed = True
        self._channel.close()

    def unary(self, method: str, request: bytes, answer: type[Answer], deadline: Deadline) -> Answer:
        """Send a serialised request to a method, such as "/ridgeline.v1.PricingService/Predict".

        Raises:
            RidgelineError: see `ridgeline_client.errors`.
            ValueError: the client was closed, before the call or during it.
        """
        if method not in self._callables:
            # No serializer: the request was serialised once already, to know its size.
            self._callables[method] = self._channel.unary_unary(
                method, response_deserializer=answer.FromString
            )
        try:
            result: Answer = self._callables[method](
                request, timeout=deadline.remaining(), metadata=self._metadata
            )
        except grpc.RpcError as call:
            raise self.error(call, deadline.timeout) from call
        return result

    def stream(self, method: str, requests: Iterator[bytes], answer: type[Message]) -> Any:
        """Open a stream of serialised requests; returns the call, which yields answers.

        Raises:
            ValueError: the client was closed.
        """
        multi: Any = self._channel.stream_stream(method, response_deserializer=answer.FromString)
        return multi(requests, metadata=self._metadata)

    def error(self, call: grpc.RpcError, timeout: float) -> RidgelineError:
        """Return what a failed call means.

        Raises:
            ValueError: the client was closed during the call.
        """
        if self._closed and call.code() is grpc.StatusCode.CANCELLED:
            raise ValueError("the client was closed while it waited for the answer") from call
        return error_of(call, self._target, timeout)


def joined(request: Sequence[Part], limit: int, row_count: int = 1) -> bytes:
    """Put the parts of a serialised request together. Raises MessageTooLarge above `limit` bytes."""
    size = sum(map(len, request))
    if size > limit:
        raise MessageTooLarge.of_request(size, limit, row_count)
    return b"".join(request)


def checked_bytes(request: Message, limit: int) -> bytes:
    """Serialise a request. Raises MessageTooLarge above `limit` bytes."""
    return joined([request.SerializeToString()], limit)
