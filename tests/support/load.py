"""Load for servers whose processes are killed: callers who know the right price, and a look at the page."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import PricingClient, Unavailable
from support.scrape import Series
from support.wire import FEATURES, TIMEOUT, connect, record
from support.workers import page

RAW, RETRYING = 8, 4
"""Callers without retries and with them."""

ONE = pb.PredictRequest(record=record())


class Load:
    """Callers with a connection each who ask for the same price again and again.

    Attributes:
        outcomes: answered calls by code; "OK" only with the right price, else "WRONG".
    """

    def __init__(self, address: str) -> None:
        self.outcomes: Counter[str] = Counter()
        self._address = address
        self._moved = threading.Condition()
        self._over = threading.Event()
        with connect(address) as wire:
            self._price = wire.predict(ONE).prediction.price
        callers = [self._raw] * RAW + [self._retrying] * RETRYING
        self._done: Counter[int] = Counter()
        self._threads = [
            threading.Thread(target=caller, args=(number,), daemon=True)
            for number, caller in enumerate(callers)
        ]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Every caller asks, from the first to the last; none hangs."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join(TIMEOUT)
                assert not thread.is_alive()

    def wait_answers(self, calls: int) -> None:
        """Wait until every caller has had so many more right answers."""
        with self._moved:
            goal = {number: self._done[number] + calls for number in range(len(self._threads))}
            met = self._moved.wait_for(lambda: all(self._done[n] >= c for n, c in goal.items()), TIMEOUT)
            assert met

    def _raw(self, number: int) -> None:
        with connect(self._address) as wire:
            while not self._over.is_set():
                try:
                    self._count(number, wire.predict(ONE).prediction.price)
                except grpc.RpcError as error:
                    self._count(number, error.code().name)

    def _retrying(self, number: int) -> None:
        with PricingClient(self._address, timeout=TIMEOUT) as client:
            while not self._over.is_set():
                try:
                    self._count(number, client.predict(FEATURES).price)
                except Unavailable:
                    self._count(number, "UNAVAILABLE")

    def _count(self, number: int, answer: float | str) -> None:
        with self._moved:
            code = answer if isinstance(answer, str) else "OK" if answer == self._price else "WRONG"
            self.outcomes[code] += 1
            self._done[number] += code == "OK"
            self._moved.notify_all()


class Watcher:
    """Looks at the one page until told not to: no number that only grows may fall."""

    def __init__(self, ops: str) -> None:
        self._ops = ops
        self._over = threading.Event()
        self._fallen: list[tuple[Series, float, float]] = []
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.looks = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join(TIMEOUT)
        assert self.looks > 1
        assert self._fallen == []

    def _look(self) -> None:
        before: dict[Series, float] = {}
        while not self._over.is_set():
            now = {
                series: value
                for series, value in page(self._ops).series()
                if series[0].endswith(("_total", "_count", "_bucket", "_sum"))
            }
            self._fallen += [(s, old, now.get(s, 0.0)) for s, old in before.items() if now.get(s, 0.0) < old]
            before, self.looks = now, self.looks + 1
