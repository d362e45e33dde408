"""The composition root: puts the parts together, runs them, stops them in order."""

from __future__ import annotations

import logging
import os
import threading
import time

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.config import Settings
from ridgeline_server.lifecycle import Lifecycle, State
from ridgeline_server.ops import OpsServer
from ridgeline_server.rollout.catalog import load_catalog
from ridgeline_server.transport.listener import Listener
from ridgeline_server.transport.servicer import PricingServicer
from ridgeline_server.transport.stream import PricingStream

_log = logging.getLogger("ridgeline")


def new_prediction_set_id() -> str:
    """A fresh name for an answer, 32 hexadecimal digits."""
    return os.urandom(16).hex()


class App:
    """One server: binds ports when made, answers after `listen`, prices after `load`, drains in `stop`."""

    def __init__(self, settings: Settings) -> None:
        """Bind the ports.

        Raises:
            OSError: an address cannot be bound; nothing stays bound.
        """
        self._settings = settings
        self._lifecycle = Lifecycle()
        self._ops: OpsServer | None = None
        limits = pb.Limits(
            max_rows=settings.max_rows,
            max_records=settings.max_records,
            max_message_bytes=settings.max_message_bytes,
        )
        parts = (self._lifecycle.catalog, limits, new_prediction_set_id)
        servicer, streams = PricingServicer(*parts), PricingStream(*parts)
        self._listener = Listener(settings, servicer, streams, self._lifecycle.refusal)
        try:
            if settings.ops_address:
                self._ops = OpsServer(settings.ops_address, lambda: self._lifecycle.state)
        except OSError:
            self.stop()
            raise

    @property
    def address(self) -> str:
        """Where gRPC is served, with the real port."""
        return self._listener.address

    @property
    def ops_address(self) -> str:
        """Where the operator's HTTP port is, "" when there is none."""
        return self._ops.address if self._ops else ""

    def listen(self) -> None:
        """Open the ports; every call is answered UNAVAILABLE and health NOT_SERVING."""
        self._listener.start()
        if self._ops:
            self._ops.start()

    def load(self, told_to_stop: threading.Event | None = None) -> None:
        """Load and prove the models, then publish SERVING, unless the server was told to stop meanwhile.

        Raises:
            ArtifactError: a model must not be served.
        """
        started = time.perf_counter()
        catalog = load_catalog(self._settings.models, self._settings.model)
        for version in catalog:
            manifest = version.manifest
            _log.info("proved %s version %d, digest %s", manifest.name, manifest.version, version.digest[:12])
        if told_to_stop is not None and told_to_stop.is_set():
            return
        self._lifecycle.serve(catalog)
        self._listener.health.serving()
        if self._ops:
            _log.info("/livez and /readyz on http://%s", self.ops_address)
        _log.info("serving on %s after %.2f s", self.address, time.perf_counter() - started)

    def stop(self) -> None:
        """Drain: no new calls, running ones finish within the grace, ports close. Safe to call twice."""
        if self._lifecycle.state is State.STOPPED:
            return
        served = self._lifecycle.state is State.SERVING
        # In this order, so that whoever sees NOT_SERVING can rely on new calls being refused.
        self._lifecycle.advance(State.DRAINING)
        self._listener.health.draining()
        if served:
            _log.info("draining")
        self._listener.stop(self._settings.drain_grace_s)
        if self._ops:
            self._ops.stop()
        self._lifecycle.advance(State.STOPPED)
        if served:
            _log.info("stopped")


def run(settings: Settings, told_to_stop: threading.Event) -> None:
    """Serve until `told_to_stop` is set. Raises OSError and ArtifactError when the start fails."""
    app = App(settings)
    try:
        app.listen()
        app.load(told_to_stop)
        told_to_stop.wait()
    finally:
        app.stop()
