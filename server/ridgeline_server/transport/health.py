"""grpc.health.v1, on threads of its own: a probe must not queue behind the calls it asks about."""

from __future__ import annotations

from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2

from ridgeline_server.transport.servicer import SERVICE

_SERVICES = ("", SERVICE)


class Health(health.HealthServicer):
    """NOT_SERVING until told otherwise, and for good once draining."""

    def __init__(self) -> None:
        pool = futures.ThreadPoolExecutor(1, thread_name_prefix="health")
        super().__init__(experimental_non_blocking=True, experimental_thread_pool=pool)
        # The constructor gives the pool to Watch only.
        type(self).Check.experimental_thread_pool = pool  # type: ignore[attr-defined]  # grpcio's own hook
        self._publish(health_pb2.HealthCheckResponse.NOT_SERVING)

    def Check(  # noqa: N802  # the method's name on the wire
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """Answer one probe."""
        return super().Check(request, context)

    def serving(self) -> None:
        """Publish SERVING."""
        self._publish(health_pb2.HealthCheckResponse.SERVING)

    def draining(self) -> None:
        """Publish NOT_SERVING, for good."""
        self.enter_graceful_shutdown()

    def _publish(self, status: int) -> None:
        for service in _SERVICES:
            self.set(service, status)
