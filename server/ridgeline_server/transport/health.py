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
from ridgeline_server.transport.rpc import Handler, UnaryMethod, on_pool, unary
from ridgeline_server.transport.servicer import SERVICE
from ridgeline_server.transport.watches import Watches

CHECK = f"/{health.SERVICE_NAME}/Check"
_SERVICES = ("", SERVICE)
# Everybody may check, and a probe's few bytes come with its headers: thousands of silent ones are gone in
# seconds, before others give up.
_SHORT_PARK_S = 0.02
_STATUS = health_pb2.HealthCheckResponse


class Health:
    """NOT_SERVING until told otherwise, and for good once draining."""

    def __init__(self) -> None:
        self._checks = ParkingPool(PoolLimits(active=1, threads=64, short_park_s=_SHORT_PARK_S))
        self._watching = ParkingPool(PoolLimits(active=1, threads=64))
        self._watches = Watches(self._of, self._watching)
        self._status: int = _STATUS.NOT_SERVING
        self._drained = False

    def handlers(self, calls: Calls) -> Mapping[str, Handler]:
        """The service's methods by full name."""
        check = UnaryMethod(
            health_pb2.HealthCheckRequest, lambda request, _: self._check(request).SerializeToString()
        )
        return {
            CHECK: unary("Check", check, self._checks, calls),
            f"/{health.SERVICE_NAME}/Watch": self._watch(),
        }

    def serving(self) -> None:
        """Publish SERVING, unless it drains."""
        if not self._drained:
            self._status = _STATUS.SERVING
            self._watches.changed()

    def draining(self) -> None:
        """Publish NOT_SERVING, for good."""
        self._drained = True
        self._status = _STATUS.NOT_SERVING
        self._watches.changed()

    def end_watches(self) -> None:
        """End what watches with UNAVAILABLE."""
        self._watches.end()

    def close(self) -> None:
        """Let the threads leave."""
        self._checks.shutdown()
        self._watching.shutdown()

    def _of(self, service: str) -> int:
        return self._status if service in _SERVICES else _STATUS.SERVICE_UNKNOWN

    def _check(self, request: health_pb2.HealthCheckRequest) -> health_pb2.HealthCheckResponse:
        if request.service not in _SERVICES:
            served = ", ".join(map(repr, _SERVICES))
            text = f"there is no service {request.service[:200]!r}: expected one of {served}"
            raise NotServed(Reason.UNKNOWN_SERVICE, text)
        return _STATUS(status=self._status)

    def _watch(self) -> Handler:
        def watch(*arguments: Any) -> None:
            self._watches.watch(*arguments)

        # Once its status is told a Watch holds no thread: grpcio's own hook. A stream, so that its message
        # is waited for here and not, without a limit, by grpcio.
        watch.experimental_non_blocking = True  # type: ignore[attr-defined]
        return grpc.stream_stream_rpc_method_handler(
            on_pool(watch, self._watching), response_serializer=_STATUS.SerializeToString
        )
