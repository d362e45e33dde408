"""Callers of the client library, with its retries, who know the right answer to each of their calls."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial

import numpy as np

from ridgeline_client import DeadlineExceeded, Overloaded, PricingClient, RidgelineError, Unavailable
from support import toys
from support.chaos.oracle import Oracle
from support.threads import Threads

CALL_S = 2.0
"""Seconds for a call, retries included: the client's own default."""
BATCH_ROWS = 200
RIGHT, WRONG = "right", "WRONG"
DECLARED: Mapping[type[RidgelineError], str] = {
    Unavailable: "UNAVAILABLE",
    Overloaded: "RESOURCE_EXHAUSTED",
    DeadlineExceeded: "DEADLINE_EXCEEDED",
}
"""What a call may end with that gets no price, by the error that is raised."""

_PATIENCE_S = 120.0
_PAUSE_S = 0.01  # between calls: what recovers needs the CPU, too
_LONG_PAUSE_S = 0.05  # after a failure, as callers do who would like to be served


class Callers(Threads):
    """Threads with a client each, from entering to leaving: `unary` ask for a row, `batch` for BATCH_ROWS.

    Attributes:
        outcomes: calls by what became of them: RIGHT, WRONG, a status, or an error that is not declared.
    """

    def __init__(self, address: str, oracle: Oracle, unary: int, batch: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self._address = address
        self._oracle = oracle
        self._moved = threading.Condition()
        sizes = [1] * unary + [BATCH_ROWS] * batch
        self._answered = dict.fromkeys(range(len(sizes)), -1.0)  # when the last call began that was right
        super().__init__(partial(self._ask, number, size) for number, size in enumerate(sizes))

    def wait_right(self, since: float) -> None:
        """Wait until each of them has had the right answer to a call that began after `since`, a time of
        `time.monotonic`."""
        with self._moved:
            met = self._moved.wait_for(lambda: min(self._answered.values()) > since, _PATIENCE_S)
        assert met, f"callers without a right answer in {_PATIENCE_S:g} s: {dict(self.outcomes)}"

    def seen(self) -> Counter[str]:
        """The outcomes so far."""
        with self._moved:
            return self.outcomes.copy()

    def undeclared(self) -> set[str]:
        """Outcomes that no call should have."""
        return set(self.outcomes) - {RIGHT, *DECLARED.values()}

    def _ask(self, number: int, size: int) -> None:
        draw = random.Random(number)
        with PricingClient(self._address, timeout=CALL_S) as client:
            while not self.over.is_set():
                first = draw.randrange(len(self._oracle.ids) - size + 1)
                began = time.monotonic()
                outcome = self._outcome(client, slice(first, first + size))
                with self._moved:
                    self.outcomes[outcome] += 1
                    if outcome == RIGHT:
                        self._answered[number] = began
                    self._moved.notify_all()
                self.over.wait(_PAUSE_S if outcome == RIGHT else _LONG_PAUSE_S)

    def _outcome(self, client: PricingClient, rows: slice) -> str:
        try:
            right = self._is_right(client, rows)
        except RidgelineError as error:
            return DECLARED.get(type(error), type(error).__name__)
        return RIGHT if right else WRONG

    def _is_right(self, client: PricingClient, rows: slice) -> bool:
        asked, ids = self._oracle.frame[rows][list(toys.FEATURES)], self._oracle.ids[rows]
        if len(ids) > 1:
            many = client.predict_batch(asked, record_ids=ids)
            return self._oracle.is_right(many.model.version, rows, many.price)
        one = client.predict(dict(zip(toys.FEATURES, asked.iloc[0], strict=True)), record_id=ids[0])
        price = np.array([one.price])
        return one.record_id == ids[0] and self._oracle.is_right(one.model.version, rows, price)
