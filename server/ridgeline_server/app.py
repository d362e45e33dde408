"""The composition root: puts the parts together, starts them and stops them in order."""

from __future__ import annotations

import logging
import random
import threading
import time
from pathlib import Path

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.access.entries import TokensError
from ridgeline_server.config import ConfigError, Settings
from ridgeline_server.lifecycle import Lifecycle, State
from ridgeline_server.link import Link, NoLink
from ridgeline_server.monitoring.metrics import Metrics
from ridgeline_server.monitoring.observer import CallTracer, Observers
from ridgeline_server.ops import OpsServer, Readiness
from ridgeline_server.rollout.catalog import load_catalog
from ridgeline_server.rollout.signatures import signature_check
from ridgeline_server.token_file import TokenFile
from ridgeline_server.transport.access import Access
from ridgeline_server.transport.call import Calls
from ridgeline_server.transport.listener import Listener
from ridgeline_server.transport.servicer import PricingServicer
from ridgeline_server.transport.stream import PricingStream
from ridgeline_server.transport.tls import NoTlsObserver, server_tls

_log = logging.getLogger("ridgeline")

_METHODS = tuple(m.name for m in pb.DESCRIPTOR.services_by_name["PricingService"].methods)

_names = random.Random()  # noqa: S311  # seeded by the system; asking it each time gives the GIL away


def new_prediction_set_id() -> str:
    """A fresh name for an answer, 32 hexadecimal digits."""
    return f"{_names.getrandbits(128):032x}"


class App:
    """One server: binds ports when made, answers after `listen`, prices after `load`, drains in `stop`.

    One of several workers takes part in their common port only at the end of `load`, so that no connection
    waits for one that still loads.
    """

    def __init__(
        self, settings: Settings, tracer: CallTracer | None = None, link: Link | None = None
    ) -> None:
        """Bind the ports. `tracer` follows every call of the contract's methods.

        Raises:
            ConfigError: the file of tokens is none, or the certificates cannot be served with.
            OSError: an address cannot be bound; nothing stays bound.
        """
        self._settings = settings
        self._link = link or NoLink()
        self._shares_port = settings.workers > 1
        self._lifecycle = Lifecycle()
        self._ops: OpsServer | None = None
        limits = pb.Limits(
            max_rows=settings.max_rows,
            max_records=settings.max_records,
            max_message_bytes=settings.max_message_bytes,
        )
        parts = (self._lifecycle.catalog, limits, new_prediction_set_id)
        servicer, streams = PricingServicer(*parts), PricingStream(*parts)
        self._metrics = Metrics(_METHODS, self._is_serving) if settings.metrics else None
        self._tokens = _token_file(settings, self._metrics)
        calls = Calls(
            _observers(self._metrics),
            settings.slow_call_s,
            tracer,
            settings.max_call_s,
            access=_access(self._tokens),
        )
        self._tls = server_tls(settings, self._metrics.tls if self._metrics else NoTlsObserver())
        credentials = self._tls.credentials if self._tls else None
        self._listener = Listener(settings, servicer, streams, self._lifecycle.refusal, calls, credentials)
        if self._metrics:
            for pool, readings in self._listener.readings().items():
                self._metrics.calls.watch_pool(pool, readings)
        try:
            if settings.ops_address:
                scrape = self._metrics.scrape if self._metrics else None
                self._ops = OpsServer(settings.ops_address, self._readiness, self._fault, scrape)
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
        if self._tls:
            self._tls.watch()
        if not self._shares_port:
            self._listener.start()
        if self._ops:
            self._ops.start()
        if self._tokens:
            self._tokens.watch()

    def load(self, told_to_stop: threading.Event | None = None) -> None:
        """Load and prove the models, then publish SERVING, unless the server was told to stop meanwhile.

        Raises:
            ArtifactError: a model must not be served.
            ConfigError: signatures are required, and cannot be checked.
            OSError: the port is shared and cannot be bound.
        """
        started = time.perf_counter()
        check = signature_check(self._settings.require_signature)
        catalog = load_catalog(self._settings.models, self._settings.model, self._link.versions, check)
        for version in catalog:
            manifest = version.manifest
            _log.info("proved %s version %d, digest %s", manifest.name, manifest.version, version.digest[:12])
        seconds = time.perf_counter() - started
        if self._metrics:
            self._metrics.serve([(v.manifest, v.digest) for v in catalog], seconds)
        self._link.loaded(self.ops_address)
        if told_to_stop is not None and told_to_stop.is_set():
            return
        if self._shares_port:
            self._listener.bind()
        self._lifecycle.serve(catalog)
        self._listener.health.serving()
        if self._shares_port:
            self._listener.start()
        if self._ops:
            pages = "/livez, /readyz and /metrics" if self._metrics else "/livez and /readyz"
            _log.info("%s on http://%s", pages, self.ops_address)
        _log.info("serving on %s after %.2f s", self.address, seconds)
        self._link.serving()

    def drain(self) -> None:
        """Be unhealthy, wait for load balancers, refuse new calls, and wait for running ones. Safe to call
        twice."""
        served = self._lifecycle.state is State.SERVING
        if served and self._settings.drain_delay_s:
            self._lifecycle.advance(State.LAME_DUCK)
            self._listener.health.draining()
            _log.info("unhealthy; draining in %g s", self._settings.drain_delay_s)
            time.sleep(self._settings.drain_delay_s)
        # In this order: without a delay, whoever sees NOT_SERVING can rely on new calls being refused.
        self._lifecycle.advance(State.DRAINING)
        self._listener.health.draining()
        if not served:
            return
        _log.info("draining")
        started = time.perf_counter()
        lost = self._listener.drain(self._settings.drain_grace_s)
        if lost:
            _log.warning("the grace is over: %d calls are cut off", lost)
        _log.info("drained in %.2f s", time.perf_counter() - started)

    def stop(self) -> None:
        """Drain, and close the ports. Safe to call twice."""
        if self._lifecycle.state is State.STOPPED:
            return
        self.drain()
        self._listener.close()
        if self._tokens:
            self._tokens.stop()
        if self._ops:
            self._ops.stop()
        if self._tls:
            self._tls.close()
        self._lifecycle.advance(State.STOPPED)

    def _is_serving(self) -> bool:
        return self._lifecycle.state is State.SERVING

    def _fault(self) -> str:
        return "" if self._listener.answers() else "a call to itself was not answered"

    def _readiness(self) -> Readiness:
        state = self._lifecycle.state
        return state is State.SERVING, state.name.lower()


def _observers(metrics: Metrics | None) -> Observers:
    return Observers([metrics.calls], [metrics.rows], metrics.count_error) if metrics else Observers()


def _token_file(settings: Settings, metrics: Metrics | None) -> TokenFile | None:
    if not settings.tokens:
        return None
    try:
        return TokenFile(Path(settings.tokens), metrics.count_token_read if metrics else lambda _: None)
    except TokensError as error:
        raise ConfigError([f"tokens {settings.tokens}: {problem}" for problem in error.problems]) from error


def _access(tokens: TokenFile | None) -> Access:
    return Access(lambda: tokens.register) if tokens else Access()
