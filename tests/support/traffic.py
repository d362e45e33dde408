"""Callers of every kind who ask again and again, and count what became of each call."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue

import grpc

from ridgeline.v1 import pricing_service_pb2 as pb
from support.threads import Threads
from support.wire import TIMEOUT, Wire, batch_request, columns, connect, record

BATCH_ROWS = 200
CHUNK_ROWS = 50
LOGGED = ("--log-level", "debug", "--log-format", "json")
"""Flags of a server that `ServerSide` can read."""

_CHUNKS = 10
_AHEAD = 3  # chunks that are on their way while the first is priced


@dataclass(frozen=True)
class ServerSide:
    """What a server with LOGGED says it did.

    Attributes:
        calls: by method and name of their code.
        streamed_rows: rows priced in streams.
    """

    calls: Counter[tuple[str, str]]
    streamed_rows: int

    @classmethod
    def of(cls, stderr: str) -> ServerSide:
        """Read its log lines."""
        lines = [json.loads(line) for line in stderr.splitlines()]
        ended = [line for line in lines if "code" in line]
        rows = sum(line["rows"] for line in ended if line["method"] == "PredictStream")
        return cls(Counter((line["method"], line["code"]) for line in ended), rows)


class Traffic(Threads):
    """`each` callers of every kind, with a thread and a connection each, from entering to leaving.

    Attributes:
        outcomes: calls by kind and name of their code; of calls that last, "OPEN" counts those that began.
        streamed_rows: rows of streams whose prices have come.
    """

    def __init__(self, address: str, each: int = 2) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.streamed_rows = 0
        self._address = address
        self._moved = threading.Condition()
        super().__init__(partial(self._ask, kind) for kind in KINDS for _ in range(each))

    def lost(self, server: ServerSide) -> int:
        """How many calls and rows the server answered and the callers have not."""
        missing = server.streamed_rows - self.streamed_rows
        methods = {method for method, _ in server.calls} - {"Check"}  # the server asks itself
        return missing + sum(server.calls[m, "OK"] - self.outcomes[m, "OK"] for m in methods)

    def strange(self, server: ServerSide) -> set[tuple[str, str]]:
        """Ends that no call should have, on either side."""
        return {key for key in (*self.outcomes, *server.calls) if key[1] not in ("OK", "UNAVAILABLE", "OPEN")}

    def wait_flowing(self, calls: int) -> None:
        """Wait until `calls` calls of each kind have been answered, those that last are open."""
        with self._moved:
            assert self._moved.wait_for(lambda: all(map(self._flows, KINDS, [calls] * len(KINDS))), TIMEOUT)

    def _flows(self, kind: str, calls: int) -> bool:
        return self.outcomes[kind, "OK"] >= calls or self.outcomes[kind, "OPEN"] > 0

    def _ask(self, kind: str) -> None:
        with connect(self._address) as wire:
            while not self.over.is_set():
                try:
                    KINDS[kind](self, wire)
                except grpc.RpcError as error:
                    self._count(kind, error.code().name)
                else:
                    self._count(kind, "OK")

    def _count(self, kind: str, code: str) -> None:
        with self._moved:
            self.outcomes[kind, code] += 1
            self._moved.notify_all()

    def _predict(self, wire: Wire) -> None:
        wire.predict(_ONE)

    def _batch(self, wire: Wire) -> None:
        wire.predict_batch(_MANY)

    def _stream(self, wire: Wire) -> None:
        """Ask for some chunks, a few ahead, and close."""
        messages: SimpleQueue[pb.PredictStreamRequest | None] = SimpleQueue()
        unsent = iter([_OPEN, *(_chunk(number) for number in range(_CHUNKS))])
        for _ in range(1 + _AHEAD):
            messages.put(next(unsent))
        try:
            for answer in wire.stub.PredictStream(iter(messages.get, None), timeout=TIMEOUT):
                with self._moved:
                    self.streamed_rows += answer.result.predictions.row_count
                messages.put(next(unsent, None))
        finally:
            messages.put(None)

    def _idle_stream(self, wire: Wire) -> None:
        """Open a stream and send nothing more."""
        messages: SimpleQueue[pb.PredictStreamRequest | None] = SimpleQueue()
        messages.put(_OPEN)
        try:
            for _ in wire.stub.PredictStream(iter(messages.get, None), timeout=TIMEOUT):
                self._count("idle stream", "OPEN")
        finally:
            messages.put(None)

    def _watch(self, wire: Wire) -> None:
        for _ in wire.watch():
            self._count("Watch", "OPEN")


_ONE = pb.PredictRequest(record=record())
_MANY = batch_request("columns", [record()] * BATCH_ROWS)
_OPEN = pb.PredictStreamRequest(open=pb.StreamOpen())
_ROWS = columns([record()] * CHUNK_ROWS)


def _chunk(sequence: int) -> pb.PredictStreamRequest:
    return pb.PredictStreamRequest(chunk=pb.Chunk(sequence=sequence, columns=_ROWS))


KINDS: Mapping[str, Callable[[Traffic, Wire], None]] = {
    "Predict": Traffic._predict,
    "PredictBatch": Traffic._batch,
    "PredictStream": Traffic._stream,
    "idle stream": Traffic._idle_stream,
    "Watch": Traffic._watch,
}
"""Kinds of callers, by the name under which their calls are counted."""
