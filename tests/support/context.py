"""A call without a channel, for handlers that are called directly."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc


class Aborted(Exception):
    """Raised where grpcio raises an exception of its own; reads like the error of a client's call."""

    def __init__(self, status: Any) -> None:
        super().__init__(f"{status.code.name}: {status.details}")
        self._status = status

    def code(self) -> grpc.StatusCode:
        code: grpc.StatusCode = self._status.code
        return code

    def details(self) -> str:
        return str(self._status.details)

    def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return tuple(self._status.trailing_metadata)


class Context:
    """What a handler sees of a call, whose caller is there and waits, or has left."""

    def __init__(self, *, active: bool = True) -> None:
        self._active = active

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    def set_trailing_metadata(self, metadata: object) -> None:
        pass

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def is_active(self) -> bool:
        return self._active

    def cancel(self) -> None:
        pass

    def add_callback(self, callback: object) -> bool:
        return False

    def abort_with_status(self, status: Any) -> NoReturn:
        raise Aborted(status)
