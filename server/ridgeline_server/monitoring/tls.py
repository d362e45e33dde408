"""Metrics of the certificate that is served with."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class TlsMetrics:
    """A TlsObserver. Without TLS its numbers stay 0."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._valid_until = Gauge(
            "ridgeline_tls_valid_until_seconds",
            "Until when the served certificate is valid, since unix epoch; 0 without TLS.",
            registry=registry,
        )
        self._changes = Counter(
            "ridgeline_tls_changes_total",
            "Changes of the certificate files, by what came of them.",
            ("result",),
            registry=registry,
        )
        for result in ("taken", "refused"):
            self._changes.labels(result)

    def serving(self, valid_until: float) -> None:
        """See `TlsObserver`."""
        self._valid_until.set(valid_until)

    def changed(self, *, taken: bool) -> None:
        """See `TlsObserver`."""
        self._changes.labels("taken" if taken else "refused").inc()
