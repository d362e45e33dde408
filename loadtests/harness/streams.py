"""One stream of a load test, with a window of chunks under way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.workload import Request


@dataclass(frozen=True, slots=True)
class Answered:
    """A chunk and its answer.

    Attributes:
        request: what was asked.
        data: the serialised answer.
        seconds: from handing the chunk to gRPC until its answer was there.
    """

    request: Request
    data: bytes
    seconds: float


class Conversation:
    """Sends chunks over one stream and yields their answers, in order.

    Args:
        call: the method, which takes an iterator of bytes and `timeout`, and yields bytes.
        opening: the first message.
        chunks: what to send then.
        window: chunks that may be under way at a time.
    """

    def __init__(
        self, call: Callable[..., Any], opening: bytes, chunks: Sequence[Request], window: int
    ) -> None:
        self._call = call
        self._opening = opening
        self._chunks = chunks
        self._places = threading.Semaphore(window)
        self._sent: list[float] = []
        self._over = False

    def answers(self, timeout: float) -> Generator[Answered]:
        """Yield each chunk's answer, all within `timeout` seconds.

        Raises:
            grpc.RpcError: the stream broke.
            EOFError: the server ended it too early.
        """
        responses = self._call(self._messages(), timeout=timeout)
        try:
            self._next(responses)  # the stream is open
            for place, request in enumerate(self._chunks):
                data = self._next(responses)
                seconds = time.perf_counter() - self._sent[place]
                self._places.release()
                yield Answered(request, data, seconds)
        finally:
            self._over = True
            self._places.release()
            responses.cancel()

    def _next(self, responses: Iterator[bytes]) -> bytes:
        for data in responses:
            return data
        raise EOFError("the server ended the stream before all chunks were answered")

    def _messages(self) -> Iterator[bytes]:
        yield self._opening
        for request in self._chunks:
            self._places.acquire()
            if self._over:
                return
            self._sent.append(time.perf_counter())
            yield request.data
