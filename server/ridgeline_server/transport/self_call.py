"""Calls the server itself, over gRPC: the one proof that it still answers.

grpcio's only serving thread can die while the port stays open, and then every caller waits for ever. So the
server has a second, private address: a Unix socket without a file, with a random name, of this process alone.
The common port would not do: with several workers another one might answer, when all its connections are
taken nobody would, and it may ask for certificates.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

import grpc
from grpc_health.v1 import health_pb2

from ridgeline_server.transport.health import CHECK

_VALID_S = 1.0  # however often somebody asks, one call a second
_TIMEOUT_S = 3.0


class SelfCall:
    """Asks a server for its health over an address of its own. Safe to share between threads.

    `now` is a clock in seconds, `timeout` how long an answer may take.
    """

    def __init__(
        self,
        server: grpc.Server,
        now: Callable[[], float] = time.monotonic,
        timeout: float = _TIMEOUT_S,
    ) -> None:
        """Bind the address, before the server is started."""
        self._address = f"unix-abstract:ridgeline-{secrets.token_hex(16)}"
        server.add_insecure_port(self._address)
        self._now = now
        self._timeout = timeout
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._asked_at: float | None = None
        self._answers = True

    def answers(self) -> bool:
        """True when the server answers, whatever it says. What was found holds for a second."""
        with self._lock:
            if self._asked_at is None or self._now() - self._asked_at >= _VALID_S:
                self._answers = self._ask()
                self._asked_at = self._now()
            return self._answers

    def close(self) -> None:
        """Give up the connection."""
        with self._lock:
            if self._channel:
                self._channel.close()

    def _ask(self) -> bool:
        if self._channel is None:
            self._channel = grpc.insecure_channel(self._address, options=[("grpc.enable_http_proxy", 0)])
        check = self._channel.unary_unary(
            CHECK,
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            check(health_pb2.HealthCheckRequest(), timeout=self._timeout)
        except grpc.RpcError:
            return False
        return True
