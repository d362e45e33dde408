"""Metrics pages of several processes as one page. Nothing here knows where pages come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

Page = Sequence[Metric]

COUNTED = ("counter", "histogram", "summary")
"""Types whose numbers only grow; those of several processes are added up."""

_GAUGES: Mapping[str, Callable[[Iterable[float]], float]] = {
    "ridgeline_calls_in_flight": sum,
    "ridgeline_ready": max,
    "ridgeline_model_info": max,
    "ridgeline_build_info": max,
    "ridgeline_load_seconds": max,
    "ridgeline_tls_valid_until_seconds": min,
    "ridgeline_workers": sum,
    "process_resident_memory_bytes": sum,
    "process_virtual_memory_bytes": sum,
    "process_start_time_seconds": min,
    "process_open_fds": max,
    "process_max_fds": min,
}
"""What becomes of each gauge; docs/metrics.md says why."""


def parse(text: str) -> Page:
    """Read a page in Prometheus' text format. Raises ValueError when it is none."""
    return list(text_string_to_metric_families(text))


def exposition(page: Page) -> bytes:
    """Write a page in Prometheus' text format."""
    return generate_latest(_Fixed(page))


def merge(pages: Iterable[Page]) -> Page:
    """Make one page of several: a series of the result combines those with the same name and labels.

    Raises:
        KeyError: a gauge that has no rule.
    """
    families: dict[str, _Family] = {}
    for page in pages:
        for metric in page:
            families.setdefault(metric.name, _Family(metric)).add(metric)
    return [family.merged() for family in families.values()]


def counted(page: Page) -> Page:
    """What of a page stays true when its process is gone."""
    return [metric for metric in page if metric.type in COUNTED]


class _Family:
    """Metrics of one name, series by series, in the order in which they first came up."""

    def __init__(self, metric: Metric) -> None:
        self._kind = metric
        self._values: dict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = {}

    def add(self, metric: Metric) -> None:
        for sample in metric.samples:
            self._values.setdefault((sample.name, tuple(sample.labels.items())), []).append(sample.value)

    def merged(self) -> Metric:
        kind = self._kind
        combine = sum if kind.type in COUNTED else _GAUGES[kind.name]
        metric = Metric(kind.name, kind.documentation, kind.type)
        for (name, labels), values in self._values.items():
            metric.add_sample(name, dict(labels), combine(values))
        return metric


class _Fixed(Collector):
    """A page as the library wants to be given it."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def collect(self) -> Iterable[Metric]:
        return self._page
