"""Calls the server itself, over gRPC: the one proof that it still answers.

grpcio's only serving thread can die while the port stays open, and then every caller waits for ever. So the
server has a second, private address: a Unix socket without a file, with a random name, of this process alone.
The common port would not do: with several workers another one might answer, when all its connections are
taken nobody would, and it may ask for certificates. Nor would a method that others can call: enough of them,
silent, would have a server that answers taken for dead, and replaced. So the method has a random name, too,
and a thread of its own.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

import grpc

from ridgeline_server.transport.pool import ParkingPool, PoolLimits
from ridgeline_server.transport.rpc import Handler, on_pool

_VALID_S = 1.0  # however often somebody asks, one call a second
_TIMEOUT_S = 3.0
_AGAIN_S = 0.1
_SERVICE = "ridgeline.SelfCall"


class SelfCall:
    """Asks a server for nothing over an address of its own. Safe to share between threads.

    `now` is a clock in seconds, `timeout` how long an answer may take.
    """

    def __init__(
        self,
        server: grpc.Server,
        now: Callable[[], float] = time.monotonic,
        timeout: float = _TIMEOUT_S,
    ) -> None:
        """Bind the address and add the method, before the server is started."""
        name = secrets.token_hex(16)
        self._method = f"/{_SERVICE}/{name}"
        self._pool = ParkingPool(PoolLimits(active=1))
        handler: Handler = grpc.unary_unary_rpc_method_handler(on_pool(_answer, self._pool))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {name: handler}),))
        self._address = f"unix-abstract:ridgeline-{secrets.token_hex(16)}"
        server.add_insecure_port(self._address)
        self._now = now
        self._timeout = timeout
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._asked_at: float | None = None
        self._answers = True

    def answers(self) -> bool:
        """True when the server answers. What was found holds for a second."""
        with self._lock:
            if self._asked_at is None or self._now() - self._asked_at >= _VALID_S:
                self._answers = self._ask()
                self._asked_at = self._now()
            return self._answers

    def close(self) -> None:
        """Give up the connection and the thread."""
        self._pool.shutdown()
        with self._lock:
            if self._channel:
                self._channel.close()

    def _ask(self) -> bool:
        if self._channel is None:
            self._channel = grpc.insecure_channel(self._address, options=[("grpc.enable_http_proxy", 0)])
        ask: Callable[..., bytes] = self._channel.unary_unary(self._method)
        until = time.monotonic() + self._timeout
        while (left := until - time.monotonic()) > 0:
            try:
                ask(b"", timeout=left)
            except grpc.RpcError:
                # Of a thousand calls that nobody has taken yet gRPC itself cancels some: that says nothing.
                time.sleep(_AGAIN_S)
            else:
                return True
        return False


def _answer(_: bytes, __: grpc.ServicerContext) -> bytes:
    return b""
