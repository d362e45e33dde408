"""Several streams at once, and the chunks back in order.

Chunks are dealt in the order of the input to whichever stream has room. There is a permit for each chunk
between the reader and the writer, so memory is bounded. A stream that has chunks under way never waits for a
permit: it reads its answers first, so the oldest chunk always gets on.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Generator, Iterator, Sequence

from ridgeline_client.chunks import Numbered
from ridgeline_client.client import PricingClient
from ridgeline_client.options import StreamOptions
from ridgeline_client.results import ChunkResult
from ridgeline_client.score.prepare import Chunk


class StreamPool:
    """One stream per client.

    Args:
        clients: closed when the pool is left before its end.
        options: of every stream.
        chunks: read by one stream at a time.
    """

    def __init__(
        self, clients: Sequence[PricingClient], options: StreamOptions, chunks: Iterator[Chunk]
    ) -> None:
        self._clients = clients
        self._options = options
        self._chunks = chunks
        self._reading = threading.Lock()
        self._permits = threading.Semaphore((len(clients) + 1) * options.window)
        self._changed = threading.Condition()
        self._under_way: dict[int, Chunk] = {}
        self._answered: dict[int, ChunkResult] = {}
        self._running = len(clients)
        self._failure: BaseException | None = None
        self._left = False

    def results(self) -> Generator[tuple[Chunk, ChunkResult]]:
        """Yield every chunk with its answer, in order. Raises what a stream or the reader raised."""
        threads = [
            threading.Thread(target=self._run, args=(client,), name=f"ridgeline-score-{place}", daemon=True)
            for place, client in enumerate(self._clients)
        ]
        for thread in threads:
            thread.start()
        try:
            yield from self._in_order()
        finally:
            self._leave()
            for thread in threads:
                thread.join()

    def _in_order(self) -> Iterator[tuple[Chunk, ChunkResult]]:
        for number in itertools.count():
            with self._changed:
                while number not in self._answered:
                    if self._failure is not None:
                        raise self._failure
                    if not self._running:
                        return
                    self._changed.wait()
                pair = self._under_way.pop(number), self._answered.pop(number)
            yield pair
            self._permits.release()

    def _run(self, client: PricingClient) -> None:
        stream = _Stream()
        try:
            for result in client.predict_numbered(self._dealt(stream), self._options):
                stream.unanswered -= 1
                with self._changed:
                    self._answered[result.sequence] = result
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - raised again where the results are read
            with self._changed:
                self._failure = self._failure or error
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _dealt(self, stream: _Stream) -> Iterator[Numbered | None]:
        while not self._left:
            if not self._permits.acquire(blocking=not stream.unanswered):
                yield None
                continue
            with self._reading:
                chunk = next(self._chunks, None)
                if chunk is None:
                    self._permits.release()
                    return
                self._under_way[chunk.number] = chunk
            stream.unanswered += 1
            yield chunk.number, chunk.columns

    def _leave(self) -> None:
        """Let every stream end: whoever waits for a permit gets one, whoever waits for an answer none."""
        self._left = True
        for client in self._clients:
            self._permits.release()
            client.close()


class _Stream:
    """How many chunks of one stream have no answer yet."""

    def __init__(self) -> None:
        self.unanswered = 0
