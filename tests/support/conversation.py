"""A stream that a test leads chunk by chunk."""

from __future__ import annotations

from queue import SimpleQueue
from typing import Any

import grpc

from ridgeline.v1 import pricing_service_pb2 as pb
from support.wire import TIMEOUT, Wire, columns, record


class Conversation:
    """A PredictStream that is open. Whoever opens it ends it, with `end` or `code`."""

    def __init__(self, wire: Wire, **options: Any) -> None:
        self._outgoing: SimpleQueue[pb.PredictStreamRequest | None] = SimpleQueue()
        self._sequence = 0
        self._outgoing.put(pb.PredictStreamRequest(open=pb.StreamOpen()))
        self.call: Any = wire.stub.PredictStream(
            iter(self._outgoing.get, None), **{"timeout": TIMEOUT, **options}
        )
        assert next(self.call).HasField("opened")

    def send(self, rows: int = 1) -> None:
        """Send a chunk."""
        chunk = pb.Chunk(sequence=self._sequence, columns=columns([record()] * rows))
        self._outgoing.put(pb.PredictStreamRequest(chunk=chunk))
        self._sequence += 1

    def answer(self) -> pb.PredictionBatch:
        """Wait for the next answer."""
        predictions: pb.PredictionBatch = next(self.call).result.predictions
        return predictions

    def end(self) -> None:
        """Send no more."""
        self._outgoing.put(None)

    def code(self) -> grpc.StatusCode:
        """Wait for the server to end it; returns the code."""
        try:
            code: grpc.StatusCode = self.call.code()
            return code
        finally:
            self.end()
