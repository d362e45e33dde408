"""A reader, several streams at once, and the chunks back in order.

The reader takes a permit for each chunk before it reads it, and the permit comes back when the chunk's answer
is handed over: memory is bounded. Chunks are dealt in the order of the input to whichever stream has room. A
stream that has chunks under way never waits for the reader: it reads its answers first, so the oldest chunk
always gets on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from queue import Empty, SimpleQueue

from ridgeline_client.chunks import Numbered
from ridgeline_client.client import PricingClient
from ridgeline_client.options import StreamOptions
from ridgeline_client.results import ChunkResult
from ridgeline_client.score.errors import JobFailed
from ridgeline_client.score.prepare import Chunk


class StreamPool:
    """One stream per client.

    Args:
        clients: closed when the pool is left before its end.
        options: of every stream.
        chunks: read in a thread of its own.
        leave_s: seconds that the reader is waited for when the pool is left before its end; None: as long as
            it takes. A pipe may never give another byte.
    """

    def __init__(
        self,
        clients: Sequence[PricingClient],
        options: StreamOptions,
        chunks: Iterator[Chunk],
        leave_s: float | None = None,
    ) -> None:
        self._clients = clients
        self._options = options
        self._chunks = chunks
        self._leave_s = leave_s
        self._permits = threading.Semaphore((len(clients) + 1) * options.window)
        self._ready: SimpleQueue[Chunk | None] = SimpleQueue()
        self._changed = threading.Condition()
        self._under_way: dict[int, Chunk] = {}
        self._answered: dict[int, ChunkResult] = {}
        self._running = len(clients)
        self._failure: BaseException | None = None
        self._left = False

    def results(self) -> Generator[tuple[Chunk, ChunkResult]]:
        """Yield every chunk with its answer, in order. Raises what a stream or the reader raised."""
        threads = [threading.Thread(target=self._read, name="ridgeline-score-reader", daemon=True)]
        threads += [
            threading.Thread(target=self._stream, args=(client,), name=f"ridgeline-score-{n}", daemon=True)
            for n, client in enumerate(self._clients)
        ]
        for thread in threads:
            thread.start()
        try:
            while (pair := self._oldest()) is not None:
                yield pair
                self._permits.release()
        finally:
            self._leave()
            end = time.monotonic() + (self._leave_s or 0.0)
            for thread in threads:
                thread.join(None if self._leave_s is None else max(0.0, end - time.monotonic()))

    def _oldest(self) -> tuple[Chunk, ChunkResult] | None:
        """Wait for the answer to the oldest chunk; None when every chunk is answered."""
        with self._changed:
            while True:
                first_row = next(iter(self._under_way), None)
                if first_row in self._answered:
                    return self._under_way.pop(first_row), self._answered.pop(first_row)
                if self._failure is not None:
                    raise self._failure
                if not self._running:
                    break
                self._changed.wait()
        if first_row is not None:
            raise JobFailed(
                f"the rows from index {first_row} on were not answered: run the same command again"
            )
        return None

    def _failed(self, error: BaseException) -> None:
        """Remember what to raise where the results are read."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def _read(self) -> None:
        try:
            while self._permits.acquire() and not self._left:
                chunk = next(self._chunks, None)
                if chunk is None:
                    return
                with self._changed:
                    self._under_way[chunk.first_row] = chunk
                self._ready.put(chunk)
        except BaseException as error:  # noqa: BLE001 - see `_failed`
            self._failed(error)
        finally:  # after the failure: an end of the streams is no end of the table then
            for _ in self._clients:
                self._ready.put(None)

    def _stream(self, client: PricingClient) -> None:
        stream = _Stream()
        try:
            for result in client.predict_numbered(self._dealt(stream), self._options):
                stream.unanswered -= 1
                with self._changed:
                    self._answered[result.sequence] = result
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - see `_failed`
            self._failed(error)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _dealt(self, stream: _Stream) -> Iterator[Numbered | None]:
        while not self._left:
            try:
                chunk = self._ready.get(block=not stream.unanswered)
            except Empty:
                yield None
                continue
            if chunk is None:
                return
            stream.unanswered += 1
            yield chunk.first_row, chunk.columns

    def _leave(self) -> None:
        """Let every thread end: a permit for the reader, an end for each stream, no answer for who waits."""
        self._left = True
        self._permits.release()
        for client in self._clients:
            self._ready.put(None)
            client.close()


class _Stream:
    """How many chunks of one stream have no answer yet."""

    def __init__(self) -> None:
        self.unanswered = 0
