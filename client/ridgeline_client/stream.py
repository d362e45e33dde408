"""Streams of chunks: in order, none lost, none answered twice, whatever breaks in between.

One call carries the chunks until it breaks: a drain, a restart, a lost connection. Then another call is
opened and the chunks that have no answer yet are sent again; pricing is pure, so that is safe. The stream
gives up when nothing was answered for the progress timeout. Time spent in the caller's code does not count.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import grpc

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client.calls import Calls
from ridgeline_client.chunks import Packed
from ridgeline_client.errors import MessageTooLarge, RidgelineError, ServerError
from ridgeline_client.patience import Patience, Watch

_FIRST_BACKOFF_S = 0.05
_LONGEST_BACKOFF_S = 1.0
_BROKEN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED}
# A connection that is cut in the middle can also look like this; from the server itself it has a reason.
_MAYBE_BROKEN = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Plan:
    """How a stream is run: its first message, chunks unanswered at a time, seconds without an answer."""

    opening: bytes
    window: int
    progress_timeout: float


class ChunkStream:
    """Sends packed chunks and yields each with its answer, in order."""

    def __init__(self, calls: Calls, method: str, chunks: Iterator[Packed | None], plan: Plan) -> None:
        self._calls = calls
        self._method = method
        self._chunks = chunks
        self._plan = plan
        self._patience = Patience(plan.progress_timeout)
        self._unanswered: deque[Packed] = deque()
        self._exhausted = False
        self._currency = ""

    def answers(self) -> Iterator[tuple[Packed, pb.ChunkResult | None, str]]:
        """Yield each chunk, the server's result (None for one that was not sent) and the currency.

        Raises:
            RidgelineError: the stream was refused, or broke and could not be resumed in time.
            ValueError: the client was closed.
        """
        failures = 0
        while True:
            answered = False
            try:
                for answer in self._attempt():
                    answered = True
                    yield answer
                return
            except grpc.RpcError as call:
                if self._exhausted and not self._unanswered:
                    return
                error = self._calls.error(call, self._plan.progress_timeout)
                if self._patience.left() <= 0 or not _may_resume(call, error):
                    raise error from call
            failures = 1 if answered else failures + 1
            self._patience.wait(_backoff(error, failures))

    def _attempt(self) -> Iterator[tuple[Packed, pb.ChunkResult | None, str]]:
        outgoing: SimpleQueue[bytes | None] = SimpleQueue()
        outgoing.put(self._plan.opening)
        for packed in self._unanswered:
            _put(outgoing, packed)
        call = self._calls.stream(self._method, iter(outgoing.get, None), pb.PredictStreamResponse)
        try:
            with Watch(call, self._patience) as watch:
                self._currency = _opened(watch.next()).currency_code
                yield from self._converse(watch, outgoing)
        finally:
            outgoing.put(None)
            call.cancel()

    def _converse(
        self, watch: Watch, outgoing: SimpleQueue[bytes | None]
    ) -> Iterator[tuple[Packed, pb.ChunkResult | None, str]]:
        closed = False
        while True:
            if not self._exhausted:
                self._fill(outgoing)
            if self._exhausted and not closed:
                outgoing.put(None)
                closed = True
            if not self._unanswered:
                break
            packed = self._unanswered[0]
            result = None if packed.message is None else _result(watch.next(), packed.sequence)
            self._unanswered.popleft()
            self._patience.renew()
            yield packed, result, self._currency
        if watch.next() is not None:
            raise ServerError("the server answered more chunks than were sent")

    def _fill(self, outgoing: SimpleQueue[bytes | None]) -> None:
        while len(self._unanswered) < self._plan.window:
            try:
                packed = next(self._chunks)
            except StopIteration:
                self._exhausted = True
                return
            if packed is not None:
                self._unanswered.append(packed)
                _put(outgoing, packed)
            elif self._unanswered:
                return


def _put(outgoing: SimpleQueue[bytes | None], packed: Packed) -> None:
    if packed.message is not None:
        outgoing.put(packed.message)


def _opened(response: Any) -> pb.StreamOpened:
    if response is None or response.WhichOneof("message") != "opened":
        raise ServerError("the server did not open the stream; is it a Ridgeline server?")
    opened: pb.StreamOpened = response.opened
    return opened


def _result(response: Any, sequence: int) -> pb.ChunkResult:
    if response is None:
        raise ServerError(f"the server ended the stream before it answered chunk {sequence}")
    if response.WhichOneof("message") != "result" or response.result.sequence != sequence:
        raise ServerError(f"the server answered another chunk than {sequence}: results must come in order")
    result: pb.ChunkResult = response.result
    return result


def _may_resume(call: Any, error: RidgelineError) -> bool:
    if isinstance(error, MessageTooLarge):
        return False
    return call.code() in _BROKEN or (call.code() in _MAYBE_BROKEN and not error.reason)


def _backoff(error: RidgelineError, failures: int) -> float:
    advice: float | None = getattr(error, "retry_after", None)
    if advice is not None:
        return advice
    longest = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2**failures)
    return random.uniform(longest / 2, longest)  # noqa: S311  # spreads clients out, guards nothing
