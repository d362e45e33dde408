"""Health's Watch: tells each caller the status, and again when it changes.

A Watch holds a thread only while its caller is waited for: for its message, or for room to write a status to.
Either wait is parked, so a caller who sends or reads nothing is ended and holds up nobody, not even the
change of status itself. grpcio's own servicer waits for both without a limit, for the latter with a lock that
every other Watch needs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from ridgeline_server.errors import NotReady
from ridgeline_server.transport.pool import ParkingPool
from ridgeline_server.transport.receive import cut, next_message

_REQUEST = health_pb2.HealthCheckRequest.DESCRIPTOR.full_name
_STATUS = health_pb2.HealthCheckResponse
_MOST = 1_000  # each keeps some 20 kB, and everybody may watch
_PATIENCE_S = 0.5  # for callers who do not read
Status = int


class _Watcher:
    """One caller and the last status it was told."""

    def __init__(
        self, service: str, context: grpc.ServicerContext, send: Callable[[Any], None], pool: ParkingPool
    ) -> None:
        self.service = service
        self.context = context
        self._send = send
        self._pool = pool
        self._turn = threading.Lock()
        self._told: Status | None = None

    def tell(self, status: Callable[[str], Status]) -> None:
        """Send the status as it is once it is this thread's turn, unless that is what was sent last."""
        with self._pool.parked(self.context.cancel), self._turn:
            now = status(self.service)
            if now != self._told and self.context.is_active():
                self._told = now
                self._send(_STATUS(status=now))


class Watches:
    """Everybody who watches, on the threads of `pool`; `status` says that of a service."""

    def __init__(self, status: Callable[[str], Status], pool: ParkingPool) -> None:
        self._status = status
        self._pool = pool
        self._watchers: set[_Watcher] = set()

    def watch(
        self, requests: Iterator[bytes], context: grpc.ServicerContext, send: Callable[[Any], None]
    ) -> None:
        """Begin to tell a caller; grpcio leaves the call open when this returns."""
        try:
            raw = next_message(requests, self._pool, context)
            service = health_pb2.HealthCheckRequest.FromString(raw or b"").service
        except (grpc.RpcError, NotReady):  # the caller left, or was ended for its silence
            return
        except DecodeError:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the bytes are no {_REQUEST}")
        if len(self._watchers) >= _MOST:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{_MOST:,} callers watch already: use Check")
        watcher = _Watcher(service, context, send, self._pool)
        self._watchers.add(watcher)
        if not context.add_callback(lambda: self._watchers.discard(watcher)):
            self._watchers.discard(watcher)
        watcher.tell(self._status)

    def changed(self) -> None:
        """The status is another one: tell everybody, and return when all have it or after half a second."""
        telling = [self._pool.submit(watcher.tell, self._status) for watcher in list(self._watchers)]
        futures.wait(telling, _PATIENCE_S)

    def end(self) -> None:
        """End every Watch with UNAVAILABLE: callers may not see the last status of one that breaks off."""
        for watcher in list(self._watchers):
            cut(watcher.context)
