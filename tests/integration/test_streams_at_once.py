"""Many streams at once: every chunk's results are its own, in order, none lost and none twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import ExitStack

import pytest

from ridgeline_client import PricingClient
from ridgeline_server.app import App
from support.rounds import Rounds
from support.wire import FEATURES, TIMEOUT

STREAMS = 8
SIZES = (1, 0, 5, 2, 9, 0, 1, 3, 30, 4)
"""Rows of the chunks of each stream."""

Table = list[float]
"""A chunk of products that differ in nothing but their memory, no two of them in the same."""


def tables(stream: int) -> list[Table]:
    """The chunks of one stream."""
    number, found = stream * sum(SIZES), []
    for size in SIZES:
        found.append([1 + (number + row) / 8 for row in range(size)])
        number += size
    return found


def columns(table: Table) -> dict[str, Sequence[object]]:
    return {name: table if name == "ram" else [value] * len(table) for name, value in FEATURES.items()}


def job(client: PricingClient, stream: int, times: int) -> list[list[float]]:
    """Stream the tables of one stream `times` over; returns the model prices of each chunk."""
    sent = (columns(table) for _ in range(times) for table in tables(stream))
    prices = []
    for sequence, result in enumerate(client.predict_stream(sent, window=1 + stream)):
        assert result.sequence == sequence
        assert result.predictions is not None, result.error
        prices.append(list(result.predictions.model_price))
    return prices


def together(clients: Sequence[PricingClient], times: int = 1) -> list[list[list[float]]]:
    """What all streams get when they run at the same time, spread over the clients."""
    with futures.ThreadPoolExecutor(STREAMS) as pool:
        jobs = [pool.submit(job, clients[i % len(clients)], i, times) for i in range(STREAMS)]
        return [done.result(TIMEOUT) for done in jobs]


@pytest.fixture(scope="module")
def alone(toy_client: PricingClient) -> Mapping[float, float]:
    """The model price of each product, asked for one at a time."""
    memories = [memory for stream in range(STREAMS) for table in tables(stream) for memory in table]
    prices = {memory: toy_client.predict({**FEATURES, "ram": memory}).model_price for memory in memories}
    assert len(set(prices.values())) == len(memories) == STREAMS * sum(SIZES), "rows must be told apart"
    return prices


@pytest.fixture(params=[1, STREAMS], ids=["one client", "a client for each"])
def clients(request: pytest.FixtureRequest, toy_server: App) -> Iterator[Sequence[PricingClient]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(PricingClient(toy_server.address, timeout=30)) for _ in range(request.param)
        ]


def expected(alone: Mapping[float, float], times: int = 1) -> list[list[list[float]]]:
    return [
        [[alone[memory] for memory in table] for table in tables(stream)] * times for stream in range(STREAMS)
    ]


def test_streams_at_once_are_answered_as_single_calls_are(
    clients: Sequence[PricingClient], alone: Mapping[float, float]
) -> None:
    assert together(clients, times=6) == expected(alone, times=6)


@pytest.mark.parametrize("seed", range(3))
def test_streams_at_once_keep_their_rows_in_whatever_order_they_are_priced(
    clients: Sequence[PricingClient], alone: Mapping[float, float], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rounds = Rounds(monkeypatch, STREAMS, seed)
    assert together(clients) == expected(alone)
    assert len(rounds.orders) == len(SIZES)
    assert any(order != sorted(order) for order in rounds.orders)
