"""grpc.health.v1, on threads of its own: a probe must not queue behind the calls it asks about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2

from ridgeline.reasons import Reason
from ridgeline_server.errors import NotServed
from ridgeline_server.transport.call import Calls
from ridgeline_server.transport.pool import ParkingPool, PoolLimits
from ridgeline_server.transport.receive import cut
from ridgeline_server.transport.rpc import Handler, UnaryMethod, on_pool, unary
from ridgeline_server.transport.servicer import SERVICE

_SERVICES = ("", SERVICE)
_STATUS = health_pb2.HealthCheckResponse


class Health:
    """NOT_SERVING until told otherwise, and for good once draining."""

    def __init__(self) -> None:
        self._checks = ParkingPool(PoolLimits(active=1, threads=16, park_s=1.0))
        self._watches = ParkingPool(PoolLimits(active=8))
        self._servicer = health.HealthServicer()
        self._watching: set[grpc.ServicerContext] = set()
        self._status = _STATUS.NOT_SERVING
        self._publish(_STATUS.NOT_SERVING)

    def handlers(self, calls: Calls) -> Mapping[str, Handler]:
        """The service's methods by full name."""
        check = UnaryMethod(
            health_pb2.HealthCheckRequest, lambda request, _: self._check(request).SerializeToString()
        )
        return {
            f"/{health.SERVICE_NAME}/Check": unary("Check", check, self._checks, calls),
            f"/{health.SERVICE_NAME}/Watch": self._watch(),
        }

    def serving(self) -> None:
        """Publish SERVING."""
        self._publish(_STATUS.SERVING)

    def draining(self) -> None:
        """Publish NOT_SERVING, for good."""
        self._status = _STATUS.NOT_SERVING
        self._servicer.enter_graceful_shutdown()

    def end_watches(self) -> None:
        """End what watches with UNAVAILABLE: callers may not see the last status of one that breaks off."""
        for context in list(self._watching):
            cut(context)

    def close(self) -> None:
        """Let the threads leave."""
        self._checks.shutdown()
        self._watches.shutdown()

    def _publish(self, status: Any) -> None:
        self._status = status
        for service in _SERVICES:
            self._servicer.set(service, status)

    def _check(self, request: health_pb2.HealthCheckRequest) -> health_pb2.HealthCheckResponse:
        if request.service not in _SERVICES:
            served = ", ".join(map(repr, _SERVICES))
            text = f"there is no service {request.service[:200]!r}: expected one of {served}"
            raise NotServed(Reason.UNKNOWN_SERVICE, text)
        return _STATUS(status=self._status)

    def _watch(self) -> Handler:
        def watch(
            request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext, *send: Any, **keywords: Any
        ) -> Any:
            self._watching.add(context)
            if not context.add_callback(lambda: self._watching.discard(context)):
                self._watching.discard(context)
            return self._servicer.Watch(request, context, *send, **keywords)

        # Once it has its message a Watch holds no thread: grpcio's own hook.
        watch.experimental_non_blocking = True  # type: ignore[attr-defined]
        return grpc.unary_stream_rpc_method_handler(
            on_pool(watch, self._watches),
            request_deserializer=health_pb2.HealthCheckRequest.FromString,
            response_serializer=_STATUS.SerializeToString,
        )
