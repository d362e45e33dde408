"""Metrics of rows, by served version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ridgeline.artifact import Manifest
from ridgeline_server.domain import Tally
from ridgeline_server.errors import Violation
from ridgeline_server.monitoring.rows import RowTotals

_VERSION = ("model", "version")


class RowMetrics(Collector):
    """A RowObserver that makes its metrics when somebody scrapes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._totals: dict[tuple[str, int], RowTotals] = {}
        registry.register(self)

    def serve(self, manifest: Manifest) -> None:
        """Count the rows of a version from now on. Comes before `priced` and `refused`."""
        self._totals.setdefault((manifest.name, manifest.version), RowTotals(manifest))

    def priced(self, manifest: Manifest, tally: Tally) -> None:
        """See `RowObserver`."""
        self._totals[manifest.name, manifest.version].add(tally)

    def refused(self, manifest: Manifest, violations: Sequence[Violation]) -> None:
        """See `RowObserver`."""
        self._totals[manifest.name, manifest.version].refuse(violations)

    def collect(self) -> Iterable[Metric]:
        """Make the metrics."""
        batches, widths, flagged, guarded, errors = _empty()
        for (model, number), totals in list(self._totals.items()):
            version, seen = (model, str(number)), totals.read()
            batches.add_metric(version, seen.batches, seen.rows)
            widths.add_metric(version, *seen.intervals)
            for kind, rows in seen.kinds.items():
                flagged.add_metric((*version, kind.name), rows)
            for action, rows in seen.actions.items():
                guarded.add_metric((*version, action.name), rows)
            for blamed, count in seen.errors.items():
                errors.add_metric((*version, *blamed), count)
        return batches, widths, flagged, guarded, errors


def _empty() -> tuple[
    HistogramMetricFamily, SummaryMetricFamily, CounterMetricFamily, CounterMetricFamily, CounterMetricFamily
]:
    return (
        HistogramMetricFamily(
            "ridgeline_batch_rows", "Rows of a request or of a stream's chunk.", labels=_VERSION
        ),
        SummaryMetricFamily(
            "ridgeline_interval_width",
            "Width of prediction intervals, in the model's currency.",
            labels=_VERSION,
        ),
        CounterMetricFamily(
            "ridgeline_flagged_rows_total",
            "Rows with a notice, by kind; a row may have several.",
            labels=(*_VERSION, "kind"),
        ),
        CounterMetricFamily(
            "ridgeline_guarded_rows_total",
            "Rows that were not refused, by what the guard did to their price.",
            labels=(*_VERSION, "action"),
        ),
        CounterMetricFamily(
            "ridgeline_validation_errors_total",
            "Violations by reason and, when one of the model's is to blame, feature.",
            labels=(*_VERSION, "feature", "reason"),
        ),
    )
