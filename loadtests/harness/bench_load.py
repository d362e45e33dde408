"""What the benchmark sends: realistic rows of a model, the same bytes to every server, all of them valid.

Numbers are normal with the mean and the spread of training, cut to its range, so that prices are those of a
usual day: the guard and the notices have what they usually have to do.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.access import PLAIN, Way
from harness.latency import LatencyHistogram
from ridgeline.coded import CodedCategories
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client.channel import method
from ridgeline_client.chunks import Packer
from ridgeline_client.description import ModelDescription
from ridgeline_client.schema import Schema

CHUNK_ROWS = 1_000
WINDOW = 4

_PATIENCE_S = 60.0
_ANY_LENGTH = -1


class BenchRows:
    """Rows of a model as columns; `missing` is the share of cells without a value."""

    def __init__(self, description: ModelDescription, count: int, missing: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.count = count
        self.schema = Schema.of(description)
        self.columns: dict[str, npt.NDArray[np.float64] | CodedCategories] = {}
        profiles = {profile.feature: profile for profile in description.reference_profile}
        for feature in description.features:
            gaps = rng.random(count) < (0.0 if feature.required else missing)
            if feature.kind == "numeric":
                profile = profiles[feature.name]
                values = rng.normal(profile.mean, profile.standard_deviation, count)
                values = np.clip(values, feature.training_min, feature.training_max)
                self.columns[feature.name] = np.where(gaps, np.nan, values)
            else:
                known = [category for category in feature.categories if category.value]
                shares = np.array([category.share for category in known])
                codes = rng.choice(len(known), count, p=shares / shares.sum()) + 1
                texts = [category.value for category in known]
                self.columns[feature.name] = CodedCategories(texts, np.where(gaps, 0, codes).astype(np.int32))

    def table(self, start: int, rows: int) -> dict[str, npt.NDArray[np.float64] | CodedCategories]:
        """Some of the rows."""
        place = slice(start, start + rows)
        return {
            name: CodedCategories(column.texts, column.codes[place])
            if isinstance(column, CodedCategories)
            else column[place]
            for name, column in self.columns.items()
        }

    def records(self) -> list[bytes]:
        """A PredictRequest for each row."""
        columns = {
            name: column.values() if isinstance(column, CodedCategories) else column
            for name, column in self.columns.items()
        }
        requests = []
        for row in range(self.count):
            cells = {name: column[row] for name, column in columns.items()}
            numeric = {n: float(v) for n, v in cells.items() if not isinstance(v, str) and v == v}
            texts = {n: v for n, v in cells.items() if isinstance(v, str) and v}
            record = pb.Record(numeric=numeric, categorical=texts)
            requests.append(pb.PredictRequest(record=record).SerializeToString())
        return requests

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[bytes]:
        """Chunks of a stream without an end, each packed when it is asked for, rows over and over."""
        packer = Packer(self.schema, 1 << 30, "float64")
        starts = itertools.cycle(range(0, self.count - rows + 1, rows))
        numbered = ((at, self.table(start, rows)) for at, start in enumerate(starts))
        for packed in packer.packed(numbered):
            assert packed is not None
            assert packed.message is not None, packed.error
            yield packed.message

    def batches(self, count: int) -> list[bytes]:
        """PredictBatchRequests of CHUNK_ROWS rows: what a chunk holds, in another envelope."""
        requests = []
        for chunk in itertools.islice(self.chunks(), count):
            columns = pb.PredictStreamRequest.FromString(chunk).chunk.columns
            requests.append(pb.PredictBatchRequest(columns=columns).SerializeToString())
        return requests


@dataclass(frozen=True, slots=True)
class Callers:
    """Closed-loop callers, each with a thread, spread over connections."""

    count: int
    connections: int


def ask(
    address: str, name: str, requests: list[bytes], callers: Callers, seconds: float, way: Way = PLAIN
) -> LatencyHistogram:
    """Ask over and over for `seconds`; returns the latency of each call. Raises grpc.RpcError."""
    channels = [way.channel(address, _ANY_LENGTH) for _ in range(callers.connections)]
    metadata = way.metadata()
    until = time.perf_counter() + seconds
    histograms = [LatencyHistogram() for _ in range(callers.count)]

    def caller(number: int) -> None:
        call: Callable[..., bytes] = channels[number % callers.connections].unary_unary(method(name))
        mine, at = histograms[number], number * 7_919
        while (began := time.perf_counter()) < until:
            call(requests[at % len(requests)], timeout=_PATIENCE_S, metadata=metadata)
            mine.record_us((time.perf_counter() - began) * 1e6)
            at += 1

    with ThreadPoolExecutor(callers.count) as pool:
        list(pool.map(caller, range(callers.count)))
    for channel in channels:
        channel.close()
    for other in histograms[1:]:
        histograms[0].merge(other)
    return histograms[0]


def stream(
    address: str, opening: bytes | None, chunks: Iterator[bytes], seconds: float, way: Way = PLAIN
) -> LatencyHistogram:
    """Send chunks for `seconds`, WINDOW of them unanswered; returns the latency of each answer."""
    outgoing: SimpleQueue[bytes | None] = SimpleQueue()
    latency, sent = LatencyHistogram(), SimpleQueue[float]()
    until = time.perf_counter() + seconds
    with way.channel(address, _ANY_LENGTH) as channel:
        call: Any = channel.stream_stream(method("PredictStream"))
        answers = call(iter(outgoing.get, None), timeout=seconds + _PATIENCE_S, metadata=way.metadata())
        if opening is not None:
            outgoing.put(opening)
            next(answers)
        for _ in range(WINDOW):
            sent.put(time.perf_counter())
            outgoing.put(next(chunks))
        for _answer in answers:
            latency.record_us((time.perf_counter() - sent.get()) * 1e6)
            if time.perf_counter() >= until:
                break
            sent.put(time.perf_counter())
            outgoing.put(next(chunks))
        outgoing.put(None)
        answers.cancel()
    return latency
