"""The metrics of one server, for Prometheus. docs/metrics.md lists them all, and a test holds it to that.

The values of labels come from the contract, from enums and from served models, never from a caller: nobody
outside can make series.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Collection, Iterable
from importlib.metadata import version as installed

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ridgeline import __version__
from ridgeline.artifact import Manifest
from ridgeline_server.monitoring.calls import CallMetrics
from ridgeline_server.monitoring.row_metrics import RowMetrics
from ridgeline_server.monitoring.tls import TlsMetrics

_LIBRARIES = ("grpcio", "onnxruntime", "protobuf")
_OUTCOMES = {True: "taken", False: "refused"}


class Metrics:
    """All metrics of one server, in a registry of their own: several servers may live in one process.

    Attributes:
        calls: the CallObserver.
        rows: the RowObserver.
        tls: the TlsObserver.
    """

    def __init__(self, methods: Collection[str], ready: Callable[[], bool]) -> None:
        """`methods` are those that are answered."""
        registry = self._registry = CollectorRegistry()
        self.calls = CallMetrics(registry, methods)
        self.rows = RowMetrics(registry)
        self.tls = TlsMetrics(registry)
        self._models = Gauge(
            "ridgeline_model_info",
            "1 for each served version.",
            ("model", "version", "digest"),
            registry=registry,
        )
        self._load = Gauge("ridgeline_load_seconds", "Time to load and prove the models.", registry=registry)
        self._errors = Counter(
            "ridgeline_observer_errors_total",
            "Errors of what observes calls and rows; the other metrics may then be too low.",
            registry=registry,
        )
        reads = Counter(
            "ridgeline_token_reads_total",
            "Times a changed file of tokens was read, by whether it was taken.",
            ("outcome",),
            registry=registry,
        )
        self._token_reads = {taken: reads.labels(outcome) for taken, outcome in _OUTCOMES.items()}
        is_ready = Gauge("ridgeline_ready", "1 while the server is SERVING, else 0.", registry=registry)
        is_ready.set_function(ready)
        build = Gauge(
            "ridgeline_build_info",
            "1, for what is running.",
            ("version", "python", *_LIBRARIES),
            registry=registry,
        )
        build.labels(__version__, platform.python_version(), *map(installed, _LIBRARIES)).set(1)
        ProcessCollector(registry=registry)

    def serve(self, versions: Iterable[tuple[Manifest, str]], seconds: float) -> None:
        """Have metrics for versions, each with its digest, that were loaded and proved in `seconds`. Comes
        before their first row."""
        for manifest, digest in versions:
            self._models.labels(manifest.name, str(manifest.version), digest).set(1)
            self.rows.serve(manifest)
        self._load.set(seconds)

    def count_token_read(self, taken: bool) -> None:
        """A changed file of tokens was read, and taken or not."""
        self._token_reads[taken].inc()

    def count_error(self) -> None:
        """An observer has failed."""
        self._errors.inc()

    def scrape(self) -> bytes:
        """Return everything as Prometheus reads it."""
        return generate_latest(_WithoutCreated(self._registry))


class _WithoutCreated(Collector):
    """A registry without the times at which series were created: they would double what is stored."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric
