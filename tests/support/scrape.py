"""What a server's /metrics says, read with the parser of Prometheus' client library."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.request import urlopen

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from ridgeline_server.app import App
from support.wire import TIMEOUT

Series = tuple[str, tuple[tuple[str, str], ...]]


class Scrape:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {exposed_name(f): f for f in text_string_to_metric_families(text)}

    @classmethod
    def of(cls, app: App) -> Scrape:
        """Scrape a running server."""
        with urlopen(f"http://{app.ops_address}/metrics", timeout=TIMEOUT) as answer:
            return cls(answer.read().decode())

    def value(self, name: str, **labels: str) -> float:
        """Sum of the samples of one name that have these labels."""
        return sum(
            value
            for (sample, carried), value in self.series()
            if sample == name and labels.items() <= dict(carried).items()
        )

    def series(self) -> Iterator[tuple[Series, float]]:
        """Every series with its value."""
        for family in self.families.values():
            for sample in family.samples:
                yield (sample.name, tuple(sorted(sample.labels.items()))), sample.value

    def labels(self, name: str) -> set[str]:
        """Names of the labels of a metric, those of its buckets left out."""
        return {label for s in self.families[name].samples for label in s.labels} - {"le"}


def exposed_name(family: Metric) -> str:
    """The name people query: the parser takes `_total` off counters."""
    return f"{family.name}_total" if family.type == "counter" else family.name


class Growth:
    """What was counted between two scrapes."""

    def __init__(self, before: Scrape, after: Scrape) -> None:
        self._before = before
        self._after = after

    def value(self, name: str, **labels: str) -> float:
        """By how much the sum of these samples has grown."""
        return self._after.value(name, **labels) - self._before.value(name, **labels)


class Since:
    """What is counted from when it is made."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._before = Scrape.of(app)

    def value(self, name: str, **labels: str) -> float:
        """By how much the sum of these samples has grown until now."""
        return self.grown().value(name, **labels)

    def grown(self) -> Growth:
        """Everything until now."""
        return Growth(self._before, Scrape.of(self._app))
