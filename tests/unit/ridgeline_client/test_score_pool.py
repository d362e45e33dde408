"""Several streams at once: in order, bounded, and never stuck. Clients are fakes; waits are on events."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from queue import SimpleQueue
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from ridgeline.table_blocks import Consumed
from ridgeline_client.client import PricingClient
from ridgeline_client.errors import Unavailable
from ridgeline_client.options import StreamOptions
from ridgeline_client.score.errors import JobFailed
from ridgeline_client.score.pool import StreamPool
from ridgeline_client.score.prepare import Chunk
from support.fake_pricing import FakeClient, FakePricing

PATIENCE_S = 30.0
ROWS = 3
WINDOW = 2


def chunk(number: int) -> Chunk:
    ram = np.arange(ROWS, dtype=np.float64) + number * ROWS
    return Chunk(number * ROWS, ROWS, np.arange(ROWS), {"ram": ram}, {}, pa.table({}), Consumed(number, ""))


class Reader:
    """Gives chunks and counts those that are somewhere between it and the consumer."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.read = self.consumed = self.most = 0
        self.closed = False

    def __iter__(self) -> Iterator[Chunk]:
        for number in range(self.count):
            self.read += 1
            self.most = max(self.most, self.read - self.consumed)
            yield chunk(number)


def pool(
    pricing: FakePricing, streams: int, chunks: Iterator[Chunk], leave_s: float | None = None
) -> StreamPool:
    clients = [pricing.connect() for _ in range(streams)]
    return StreamPool(clients, StreamOptions(window=WINDOW), chunks, leave_s)


def none_left() -> bool:
    return not any(thread.name.startswith("ridgeline-score-") for thread in threading.enumerate())


@pytest.mark.parametrize("streams", [1, 2, 5, 16])
@pytest.mark.parametrize("count", [0, 1, 7, 200])
def test_every_chunk_comes_back_once_in_order_with_its_own_answer(streams: int, count: int) -> None:
    reader = Reader(count)
    numbers = []
    for found, result in pool(FakePricing(), streams, iter(reader)).results():
        reader.consumed += 1
        numbers.append(found.first_row)
        assert (result.answer().price == np.asarray(found.columns["ram"]) + 100.0).all()
    assert numbers == [number * ROWS for number in range(count)]
    assert none_left()


@pytest.mark.parametrize("streams", [1, 2, 5])
def test_there_are_never_more_chunks_between_reader_and_writer_than_permits(streams: int) -> None:
    permits = (streams + 1) * WINDOW
    reader = Reader(100)
    pricing = FakePricing()
    for _ in pool(pricing, streams, iter(reader)).results():
        reader.consumed += 1
    assert reader.most <= permits
    assert max(client.most_unanswered for client in pricing.clients) <= WINDOW


def test_a_stream_that_stands_still_holds_the_others_up_but_not_for_good() -> None:
    """The first chunk's answer waits until the other stream has taken all permits there are."""
    everybody_waits = threading.Event()
    reader = Reader(50)
    permits = 3 * WINDOW

    def on_answer(_client: FakeClient, number: int) -> None:
        if number == 0:
            assert everybody_waits.wait(PATIENCE_S)
        elif reader.read == permits:
            everybody_waits.set()

    pricing = FakePricing(on_answer=on_answer)
    numbers = []
    for found, _ in pool(pricing, 2, iter(reader)).results():
        reader.consumed += 1
        numbers.append(found.first_row)
    assert numbers == [number * ROWS for number in range(50)]
    assert reader.most <= permits


def test_what_a_stream_raises_is_raised_and_every_thread_ends() -> None:
    def on_answer(_client: FakeClient, number: int) -> None:
        if number >= 10 * ROWS:
            raise Unavailable("gone")

    pricing = FakePricing(on_answer=on_answer)
    with pytest.raises(Unavailable, match="gone"):
        list(pool(pricing, 3, iter(Reader(100))).results())
    assert all(client.closed for client in pricing.clients)
    assert none_left()


def test_what_the_reader_raises_is_raised() -> None:
    def chunks() -> Iterator[Chunk]:
        yield from Reader(5)
        raise WrongBytes

    class WrongBytes(Exception):
        pass

    with pytest.raises(WrongBytes):
        list(pool(FakePricing(), 2, chunks()).results())
    assert none_left()


def test_a_reader_that_fails_says_so_before_it_tells_the_streams_to_end() -> None:
    """The other way round, streams that ended could be taken for the end of the table."""

    def chunks() -> Iterator[Chunk]:
        yield from Reader(3)
        raise ValueError("torn")

    made = pool(FakePricing(), 1, chunks())
    known: list[BaseException | None] = []

    class Watched(SimpleQueue[Chunk | None]):
        def put(self, item: Chunk | None, block: bool = True, timeout: float | None = None) -> None:
            if item is None:
                known.append(made._failure)
            super().put(item, block, timeout)

    made._ready = Watched()
    with pytest.raises(ValueError, match="torn"):
        list(made.results())
    assert all(isinstance(failure, ValueError) for failure in known)
    assert known


def test_whoever_leaves_early_closes_the_clients_and_waits_for_every_thread() -> None:
    pricing = FakePricing()
    with closing(pool(pricing, 3, iter(Reader(1_000))).results()) as results:
        next(results)
    assert all(client.closed for client in pricing.clients)
    assert none_left()


def test_a_reader_that_waits_for_a_pipe_does_not_hold_up_whoever_leaves() -> None:
    receiving, sending = os.pipe()

    def chunks() -> Iterator[Chunk]:
        yield from Reader(WINDOW)
        os.read(receiving, 1)

    with closing(pool(FakePricing(), 1, chunks(), leave_s=0.05).results()) as results:
        next(results)
    assert not none_left()
    os.close(sending)
    for thread in threading.enumerate():
        if thread.name.startswith("ridgeline-score-"):
            thread.join(PATIENCE_S)
    os.close(receiving)
    assert none_left()


class Forgetful(FakeClient):
    """Takes chunks and answers nothing."""

    def predict_numbered(self, chunks: Any, options: StreamOptions) -> Iterator[Any]:
        return iter([item for item, _ in zip(chunks, range(options.window), strict=False)][:0])


def test_chunks_without_an_answer_are_never_taken_for_the_end() -> None:
    clients = [cast("PricingClient", Forgetful(FakePricing()))]
    with pytest.raises(JobFailed, match="rows from index 0 on were not answered"):
        list(StreamPool(clients, StreamOptions(window=WINDOW), iter(Reader(2))).results())
