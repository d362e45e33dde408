"""An address for the workers alone."""

from __future__ import annotations

import errno
import socket
from typing import Any


class SharedPort:
    """Holds an address without listening on it, for other processes of this user to listen on together.

    It is bound for itself first and opened for sharing (SO_REUSEPORT) only then. So it is refused where
    anybody is, another server with workers included, whether those listen yet or not; and nobody who does not
    ask to share can take the port while no worker listens.

    Attributes:
        address: HOST:PORT with the real port.
    """

    def __init__(self, address: str) -> None:
        """Hold every address that the host's name stands for.

        Raises:
            OSError: it is taken, or cannot be bound; nothing stays bound.
        """
        self._sockets: list[socket.socket] = []
        host, _, port = address.rpartition(":")
        try:
            self.address = f"{host}:{self._hold_all(host.strip('[]'), int(port))}"
        except OSError as error:
            self.close()
            raise OSError(f"cannot serve on {address}: {error.strerror}, choose another --address") from error

    def close(self) -> None:
        """Give the address up; who listens on it goes on listening."""
        for held in self._sockets:
            held.close()

    def _hold_all(self, host: str, port: int) -> int:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        failures: list[OSError] = []
        for family, where in dict.fromkeys((family, where) for family, _, _, _, where in found):
            try:
                held = _hold(family, (where[0], port, *where[2:]))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise
                failures.append(error)
            else:
                self._sockets.append(held)
                port = held.getsockname()[1]
        if not self._sockets:
            raise failures[0]
        # Some may have failed: localhost may stand for ::1 where there is no IPv6. gRPC does without, too.
        return port


def _hold(family: socket.AddressFamily, where: tuple[Any, ...]) -> socket.socket:
    held = socket.socket(family, socket.SOCK_STREAM)
    try:
        _bind(held, where)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        held.close()
        raise
    return held


def _bind(held: socket.socket, where: tuple[Any, ...]) -> None:
    try:
        held.bind(where)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        # Connections of a server that has just left are in the way of who does not ask for reuse. It is not
        # asked for first: kernels may remember that of a port, and let in whoever else asks for it.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(where)
