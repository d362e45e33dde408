"""Clients of a server that is not there: for scoring jobs without sockets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self, cast

import numpy as np

from ridgeline.notices import NoticeKind
from ridgeline_client import description as desc
from ridgeline_client.client import PricingClient
from ridgeline_client.options import StreamOptions
from ridgeline_client.results import ChunkResult, ModelRef, NoticeCount, PredictionBatch, RowError
from ridgeline_client.schema import Selection

DIGEST = "0123456789abcdef" * 4


def described(
    *features: desc.Feature, limits: desc.Limits | None = None, digest: str = DIGEST
) -> desc.ModelDescription:
    """A description of the model "toys" with these features."""
    return desc.ModelDescription(
        model=ModelRef("toys", 1, digest),
        created=datetime(2026, 1, 2, tzinfo=UTC),
        target="price",
        currency="EUR",
        schema_fingerprint="",
        missing_tokens=("n/a",),
        features=features or (feature("ram"), feature("brand", "categorical")),
        guard=desc.Guard(0.0, 1e9, "clamp", 1.0),
        interval=desc.Interval(0.9, 1.0),
        limits=limits or desc.Limits(5_000, 5_000, 4 << 20),
        metrics=desc.Metrics(1.0, 1.0, 1.0, 10, 0.9),
        served_versions=(1,),
    )


def feature(name: str, kind: Any = "numeric", *, required: bool = False) -> desc.Feature:
    """A feature of which nothing but this matters."""
    return desc.Feature(name, kind, "", "", required, None, None, None, None, 0.0, 1.0, (), 1)


def batch(
    prices: Any, errors: Iterable[RowError] = (), count: int = 0, digest: str = DIGEST
) -> PredictionBatch:
    """An answer; rows without a price (NaN) are refused. `count`: violations, if more than `errors`."""
    listed = tuple(errors)
    price = np.asarray(prices, dtype=np.float64)
    refused = np.isnan(price)
    number = int(refused.sum())
    return PredictionBatch(
        price=price,
        model_price=price,
        lower=price - 1,
        upper=price + 1,
        flags=(refused * NoticeKind.ROW_ERROR.bit).astype(np.int32),
        notice_counts=(NoticeCount(NoticeKind.ROW_ERROR, "", number),) if number else (),
        row_errors=listed,
        row_error_count=max(count, len(listed)),
        error_row_count=number,
        currency="EUR",
        model=ModelRef("toys", 1, digest),
        prediction_set_id="",
    )


def ram_plus_100(columns: Any) -> PredictionBatch:
    """A price for each row."""
    return batch(np.asarray(columns["ram"]) + 100.0)


@dataclass
class FakePricing:
    """What all clients of a test have in common.

    Attributes:
        answer: prices columns, or raises.
        on_answer: is called before the answer to a chunk comes, with the client and the chunk's number.
        descriptions: what `describe` returns or raises, the last one again and again.
        sent: (job_id, number, rows) of every chunk that was answered.
    """

    answer: Callable[[Any], PredictionBatch] = ram_plus_100
    on_answer: Callable[[FakeClient, int], None] = lambda _client, _number: None
    descriptions: list[desc.ModelDescription | Exception] = field(default_factory=lambda: [described()])
    clients: list[FakeClient] = field(default_factory=list)
    asked: list[Selection] = field(default_factory=list)
    sent: list[tuple[str, int, int]] = field(default_factory=list)

    def connect(self) -> PricingClient:
        """Open a client."""
        self.clients.append(FakeClient(self))
        return cast("PricingClient", self.clients[-1])


class FakeClient:
    """Does what scoring jobs need of a PricingClient."""

    def __init__(self, pricing: FakePricing) -> None:
        self._pricing = pricing
        self.closed = False
        self.most_unanswered = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        self.closed = True

    def describe(self, model: str = "", **choice: Any) -> desc.ModelDescription:
        known = self._pricing.descriptions
        found = known.pop(0) if len(known) > 1 else known[0]
        self._pricing.asked.append(Selection(model, **choice))
        if isinstance(found, Exception):
            raise found
        return found

    def predict_numbered(self, chunks: Iterable[Any], options: StreamOptions) -> Iterator[ChunkResult]:
        """As PricingClient has it: a window of unanswered chunks, the answers in order."""
        waiting: deque[tuple[int, Any]] = deque()
        source = iter(chunks)
        exhausted = False
        while waiting or not exhausted:
            while not exhausted and len(waiting) < options.window:
                try:
                    numbered = next(source)
                except StopIteration:
                    exhausted = True
                    break
                if numbered is not None:
                    waiting.append(numbered)
                    self.most_unanswered = max(self.most_unanswered, len(waiting))
                elif waiting:
                    break
            if waiting:
                yield self._answer(*waiting.popleft(), options)

    def _answer(self, number: int, columns: Any, options: StreamOptions) -> ChunkResult:
        self._pricing.on_answer(self, number)
        if self.closed:
            raise ValueError("the client was closed")
        answer = self._pricing.answer(columns)
        self._pricing.sent.append((options.job_id, number, len(answer)))
        return ChunkResult(number, len(answer), answer)
