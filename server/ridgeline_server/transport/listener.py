"""Builds the grpc.Server: options, handlers, port."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent import futures
from typing import cast

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ridgeline_server.config import Settings
from ridgeline_server.errors import Overloaded, PricingError
from ridgeline_server.transport.health import Health
from ridgeline_server.transport.pool import ParkingPool, PoolLimits
from ridgeline_server.transport.rpc import Admit, ServiceHandler
from ridgeline_server.transport.servicer import SERVICE, PricingServicer

_PUSHBACK_MS = 100


class Listener:
    """A bound port with its pool and health; nothing is answered before `start`."""

    def __init__(self, settings: Settings, servicer: PricingServicer, refusal: Admit) -> None:
        """Bind the port.

        Raises:
            OSError: the address cannot be bound.
        """
        limits = PoolLimits(settings.active_threads, settings.max_threads, settings.message_timeout_s)
        self.pool = ParkingPool(limits)
        self.health = Health()
        self._max_waiting = settings.max_waiting_calls
        self._refusal = refusal
        self._server = grpc.server(cast("futures.ThreadPoolExecutor", self.pool), options=_options(settings))
        handler = ServiceHandler(servicer.methods(), self.pool, self._admit)
        self._server.add_generic_rpc_handlers((handler,))
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        if settings.reflection:
            _add_reflection(self._server)
        self.address = _bind(self._server, settings.address)

    def start(self) -> None:
        """Answer calls."""
        self._server.start()

    def stop(self, grace: float) -> None:
        """Refuse new calls, give those that run `grace` seconds, close every connection."""
        self.pool.hurry()
        self.pool.wait_idle(grace)
        # What is left now are Watches and idle streams: they must not stretch the stop.
        self._server.stop(_FLUSH_S).wait()
        self.pool.shutdown()

    def _admit(self) -> PricingError | None:
        if self.pool.backlog >= self._max_waiting:
            return Overloaded(_PUSHBACK_MS)
        return self._refusal()


_FLUSH_S = 0.5  # for answers that are computed but not yet written


def _bind(server: grpc.Server, address: str) -> str:
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"cannot serve on {address}: is another server there?") from error
    return f"{address.rpartition(':')[0]}:{port}"


def _add_reflection(server: grpc.Server) -> None:
    health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
    reflection.enable_server_reflection((SERVICE, health, reflection.SERVICE_NAME), server)


def _options(settings: Settings) -> Sequence[tuple[str, int]]:
    return (
        # Two servers on one port would silently share its connections.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        # Rapid-reset protection only works with a limit; callers queue beyond it.
        ("grpc.max_concurrent_streams", 128),
        # A silent socket is closed after ten seconds, not two minutes.
        ("grpc.server_handshake_timeout_ms", 10_000),
        # Clients may ping every 30 s; the default would cut those that ping every minute.
        ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    )
