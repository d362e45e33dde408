"""Builds the grpc.Server: options, handlers, port."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import grpc
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection, reflection_pb2

from ridgeline_server.config import Settings
from ridgeline_server.errors import Overloaded, PricingError
from ridgeline_server.monitoring.observer import Observers
from ridgeline_server.transport.call import Calls
from ridgeline_server.transport.health import Health
from ridgeline_server.transport.pool import ParkingPool, PoolLimits
from ridgeline_server.transport.rpc import (
    Admit,
    Handler,
    ServiceHandler,
    UnknownMethods,
    identified,
    on_pool,
    short,
    stream,
    unary,
)
from ridgeline_server.transport.self_call import SelfCall
from ridgeline_server.transport.servicer import SERVICE, PricingServicer
from ridgeline_server.transport.stream import PricingStream

_PUSHBACK_MS = 100
_LEAST_STREAMS = 4_096


class Listener:
    """A port with its pool and health; nothing is answered before `start`.

    A port that is shared is not bound before `bind`: from then on some of its connections wait here.
    """

    def __init__(
        self,
        settings: Settings,
        servicer: PricingServicer,
        streams: PricingStream,
        refusal: Admit,
        calls: Calls,
        credentials: grpc.ServerCredentials | None,
    ) -> None:
        """Bind the port, unless it is shared. Without credentials it is plaintext.

        Raises:
            OSError: the address cannot be bound.
        """
        limits = PoolLimits(settings.active_threads, settings.max_threads, settings.message_timeout_s)
        self._pool = ParkingPool(limits, partial(calls.observers.waited, "unary"))
        # A stream keeps its thread while it lives, so streams have threads of their own, all there at once.
        self._streams = ParkingPool(
            PoolLimits(settings.max_streams, settings.max_streams, settings.stream_idle_s),
            partial(calls.observers.waited, "stream"),
        )
        self._max_streams = settings.max_streams
        self.health = Health()
        self._max_waiting = settings.max_waiting_calls
        self._refusal = refusal
        self._in_flight = calls.in_flight
        unary_handlers = {
            name: unary(short(name), method, self._pool, calls) for name, method in servicer.methods().items()
        }
        answered = streams.method()
        priced = stream("PredictStream", answered, self._streams, refusal, calls)
        # Nobody asks how often a probe came.
        probes = Calls(Observers(), settings.slow_call_s, access=calls.access)
        self._services = [
            ServiceHandler(unary_handlers, self._admit, calls),
            ServiceHandler({f"/{SERVICE}/PredictStream": priced}, self._admit_stream, calls),
            ServiceHandler(self.health.handlers(probes), lambda: None, probes),
        ]
        if settings.reflection:
            self._services.append(ServiceHandler(_reflection(probes), lambda: None, probes))
        self._server = grpc.server(self._pool, options=_options(settings))
        self._self_call = SelfCall(self._server)
        self._server.add_generic_rpc_handlers((*self._services, UnknownMethods(calls.observers)))
        self._started = False
        self.address = settings.address
        self._credentials = credentials
        try:
            if settings.workers == 1:
                self.bind()
        except OSError:
            self._release()
            raise

    def readings(self) -> Mapping[str, Mapping[str, Callable[[], int]]]:
        """Ways to read how many calls of each pool are in which state."""
        return {"unary": self._pool.readings(), "stream": self._streams.readings()}

    def bind(self) -> None:
        """Bind the port.

        Raises:
            OSError: the address cannot be bound.
        """
        self.address = _bind(self._server, self.address, self._credentials)

    def start(self) -> None:
        """Answer calls."""
        self._server.start()
        self._started = True

    def answers(self) -> bool:
        """True when a call to itself is answered; before `start` nothing has to be."""
        return not self._started or self._self_call.answers()

    def drain(self, grace: float) -> int:
        """Wait until every call is answered, up to `grace` seconds; returns how many were not. New ones must
        be refused by now. Streams end before their next chunk; Watches end, and hold nothing up."""
        until = time.monotonic() + grace
        self._pool.hurry()
        self._streams.hurry(0.0)
        for _ in range(2):  # again, for a call that was admitted a moment before new ones were refused
            for wait in (self._pool.wait_idle, self._streams.wait_idle, self._in_flight.wait_none):
                wait(max(0.0, until - time.monotonic()))
            self.health.end_watches()
            time.sleep(min(_LINGER_S, max(0.0, until - time.monotonic())))
        return max(self._in_flight.count, self._pool.pending + self._streams.pending)

    def close(self) -> None:
        """Cut what still runs, close all connections and release the port.

        Calls that reach gRPC while it closes are told CANCELLED (github.com/grpc/grpc/issues/41785), so a
        process that is asked all the time had better leave instead: to its callers a lost connection is
        UNAVAILABLE.
        """
        self._self_call.close()
        self._server.stop(None)
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


# Two servers on one port would silently share its connections.
_ALONE = (("grpc.so_reuseport", 0),)
_SHARED = (("grpc.so_reuseport", 1),)
# A connection stays with the worker it came to, and with what was proved when it came. So it is asked to come
# anew every five minutes: else those of a worker that had to be restarted would stay with the others, and
# callers whose authority is no longer trusted would stay at all.
_COME_ANEW = (("grpc.max_connection_age_ms", 300_000),)

_LINGER_S = 0.025  # from "written" as gRPC tells it to the kernel having it


def _bind(server: grpc.Server, address: str, credentials: grpc.ServerCredentials | None) -> str:
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise OSError(
            f"cannot serve on {address}: is another server there? Choose another --address"
        ) from error
    return f"{address.rpartition(':')[0]}:{port}"


def _reflection(calls: Calls) -> Mapping[str, Handler]:
    # On threads of its own: grpcio's reflection holds one for as long as its caller likes.
    pool = ParkingPool(PoolLimits(active=4))
    servicer = reflection.ReflectionServicer((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME))
    name = "ServerReflectionInfo"
    handler = grpc.stream_stream_rpc_method_handler(
        on_pool(identified(name, servicer.ServerReflectionInfo, calls), pool),
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return {f"/{reflection.SERVICE_NAME}/{name}": handler}


def _options(settings: Settings) -> Sequence[tuple[str, int]]:
    return (
        *(_SHARED if settings.workers > 1 else _ALONE),
        *(_COME_ANEW if settings.workers > 1 or settings.tls_certificate else ()),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        # Rapid-reset protection only works with a limit. gRPC refuses streams beyond it with a bare
        # UNAVAILABLE, so it lies well above the calls that may wait: those beyond we refuse ourselves.
        ("grpc.max_concurrent_streams", max(_LEAST_STREAMS, 4 * settings.max_waiting_calls)),
        # Beyond them descriptors run out, and then nobody gets in, not even a probe.
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        # Uncompressed messages only: numbers do not shrink, and few bytes could become very many.
        ("grpc.compression_enabled_algorithms_bitset", 1),
        # A silent socket is closed after ten seconds, not two minutes.
        ("grpc.server_handshake_timeout_ms", 10_000),
        # Clients may ping every 30 s; the default would cut those that ping every minute.
        ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    )
