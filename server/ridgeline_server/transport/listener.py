"""Builds the grpc.Server: options, handlers, port."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import grpc
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection, reflection_pb2

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.config import Settings
from ridgeline_server.errors import Overloaded, PricingError
from ridgeline_server.transport.health import Health
from ridgeline_server.transport.pool import ParkingPool, PoolLimits
from ridgeline_server.transport.rpc import Admit, ServiceHandler, StreamMethod, on_pool, stream, unary
from ridgeline_server.transport.servicer import SERVICE, PricingServicer
from ridgeline_server.transport.stream import PricingStream

_PUSHBACK_MS = 100


class Listener:
    """A bound port with its pool and health; nothing is answered before `start`."""

    def __init__(
        self, settings: Settings, servicer: PricingServicer, streams: PricingStream, refusal: Admit
    ) -> None:
        """Bind the port.

        Raises:
            OSError: the address cannot be bound.
        """
        limits = PoolLimits(settings.active_threads, settings.max_threads, settings.message_timeout_s)
        self._pool = ParkingPool(limits)
        # A stream keeps its thread while it lives, so streams have threads of their own, all there at once.
        self._streams = ParkingPool(
            PoolLimits(settings.max_streams, settings.max_streams, settings.stream_idle_s)
        )
        self._max_streams = settings.max_streams
        self.health = Health()
        self._max_waiting = settings.max_waiting_calls
        self._refusal = refusal
        unary_handlers = {name: unary(method, self._pool) for name, method in servicer.methods().items()}
        priced = stream(StreamMethod(pb.PredictStreamRequest, streams.answer), self._streams, refusal)
        self._services = (
            ServiceHandler(unary_handlers, self._admit),
            ServiceHandler({f"/{SERVICE}/PredictStream": priced}, self._admit_stream),
            ServiceHandler(self.health.handlers(), lambda: None),
        )
        self._server = grpc.server(self._pool, options=_options(settings))
        self._server.add_generic_rpc_handlers(self._services)
        if settings.reflection:
            _add_reflection(self._server)
        try:
            self.address = _bind(self._server, settings.address)
        except OSError:
            self._release()
            raise

    def start(self) -> None:
        """Answer calls."""
        self._server.start()

    def stop(self, grace: float) -> None:
        """Give running calls `grace` seconds, then close all connections. New ones must be refused by now."""
        until = time.monotonic() + grace
        for pool in (self._pool, self._streams):
            pool.hurry()
        for pool in (self._pool, self._streams):
            pool.wait_idle(max(0.0, until - time.monotonic()))
        # What is left now are Watches: they must not stretch the stop.
        self._server.stop(_FLUSH_S).wait()
        self._release()

    def _release(self) -> None:
        self._pool.shutdown()
        self._streams.shutdown()
        self.health.close()
        for service in self._services:
            service.close()

    def _admit(self) -> PricingError | None:
        crowded = self._pool.backlog >= self._max_waiting
        return self._refusal() or (Overloaded(_PUSHBACK_MS) if crowded else None)

    def _admit_stream(self) -> PricingError | None:
        crowded = self._streams.pending >= self._max_streams
        return self._refusal() or (Overloaded(_PUSHBACK_MS) if crowded else None)


_FLUSH_S = 1.0  # for answers that are computed but not yet written


def _bind(server: grpc.Server, address: str) -> str:
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(
            f"cannot serve on {address}: is another server there? Choose another --address"
        ) from error
    return f"{address.rpartition(':')[0]}:{port}"


def _add_reflection(server: grpc.Server) -> None:
    # On threads of its own: grpcio's reflection holds one for as long as its caller likes.
    pool = ParkingPool(PoolLimits(active=4))
    servicer = reflection.ReflectionServicer((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME))

    def reflect(*arguments: Any) -> Any:
        return servicer.ServerReflectionInfo(*arguments)

    handler = grpc.stream_stream_rpc_method_handler(
        on_pool(reflect, pool),
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    methods = {f"/{reflection.SERVICE_NAME}/ServerReflectionInfo": handler}
    server.add_generic_rpc_handlers((ServiceHandler(methods, lambda: None),))


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
