"""Metrics of calls. Every call passes here several times: it counts in plain numbers and makes metrics of
them when somebody scrapes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ridgeline_server.monitoring.buckets import Buckets

SECONDS_EDGES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0)
"""Upper ends of the buckets of times."""


class CallMetrics(Collector):
    """A CallObserver. `methods` are those that are answered."""

    def __init__(self, registry: CollectorRegistry, methods: Collection[str]) -> None:
        self._lock = threading.Lock()
        self._endings = Counter({(method, "OK", ""): 0 for method in methods})
        self._answers = {method: Buckets(SECONDS_EDGES) for method in methods}
        self._waits: dict[str, Buckets] = {}
        self._readings: dict[tuple[str, str], Callable[[], float]] = {}
        registry.register(self)

    def watch_pool(self, pool: str, readings: Mapping[str, Callable[[], float]]) -> None:
        """Show how many calls of a pool are in which state, and how long they wait. Comes before `waited`."""
        with self._lock:
            self._waits[pool] = Buckets(SECONDS_EDGES)
            self._readings |= {(pool, state): read for state, read in readings.items()}

    def waited(self, pool: str, seconds: float) -> None:
        """See `CallObserver`."""
        with self._lock:
            self._waits[pool].add(seconds)

    def answered(self, method: str, seconds: float) -> None:
        """See `CallObserver`."""
        with self._lock:
            self._answers[method].add(seconds)

    def ended(self, method: str, code: str, reason: str) -> None:
        """See `CallObserver`."""
        with self._lock:
            self._endings[method, code, reason] += 1

    def collect(self) -> Iterable[Metric]:
        """Make the metrics."""
        ended, answers, waits, in_flight = _empty()
        with self._lock:
            for (method, code, reason), count in self._endings.items():
                ended.add_metric((method, code, reason), count)
            for method, answered in self._answers.items():
                answers.add_metric((method,), answered.cumulative(), answered.sum)
            for pool, waited in self._waits.items():
                waits.add_metric((pool,), waited.cumulative(), waited.sum)
            for (pool, state), read in self._readings.items():
                in_flight.add_metric((pool, state), read())
        return ended, answers, waits, in_flight


def _empty() -> tuple[CounterMetricFamily, HistogramMetricFamily, HistogramMetricFamily, GaugeMetricFamily]:
    return (
        CounterMetricFamily(
            "ridgeline_calls_total", "Calls that have ended.", labels=("method", "code", "reason")
        ),
        HistogramMetricFamily(
            "ridgeline_answer_seconds",
            "Time from a message received to its answer ready to send; failed calls are not in it.",
            labels=("method",),
        ),
        HistogramMetricFamily(
            "ridgeline_queue_wait_seconds", "Time calls waited for a thread.", labels=("pool",)
        ),
        GaugeMetricFamily(
            "ridgeline_calls_in_flight", "Calls that have not ended.", labels=("pool", "state")
        ),
    )
