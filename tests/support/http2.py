"""HTTP/2 frame by frame, for callers no client library would be."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
_END_STREAM, _END_HEADERS = 1, 4
_CANCEL = 8
_HEAD = struct.Struct(">BHBBI")  # length in 8 + 16 bits, type, flags, stream
_PATIENCE_S = 60.0


class Connection:
    """A socket that speaks HTTP/2; it reads nothing unless told to."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=_PATIENCE_S)
        self._pending = b""
        self.send(_PREFACE, frame(SETTINGS))

    def send(self, *frames: bytes) -> None:
        """Write frames. OSError when the peer has closed the connection."""
        self._socket.sendall(b"".join(frames))

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Kind and content of each frame that comes, until the peer closes the connection."""
        while head := self._read(_HEAD.size):
            high, low, kind, _, _ = _HEAD.unpack(head)
            yield kind, self._read(high << 16 | low)

    def close(self) -> None:
        """Close the socket; a thread that reads sees the end."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _read(self, count: int) -> bytes:
        try:
            while len(self._pending) < count:
                received = self._socket.recv(1 << 16)
                if not received:
                    return b""
                self._pending += received
        except OSError:  # reset, or closed here while a thread reads
            return b""
        found, self._pending = self._pending[:count], self._pending[count:]
        return found


@contextmanager
def http2(address: str) -> Iterator[Connection]:
    """A connection until the block ends."""
    connection = Connection(address)
    try:
        yield connection
    finally:
        connection.close()


def frame(kind: int, content: bytes = b"", stream: int = 0, flags: int = 0) -> bytes:
    """One frame."""
    return _HEAD.pack(len(content) >> 16, len(content) & 0xFFFF, kind, flags, stream) + content


def call(stream: int, path: str, metadata: Mapping[str, bytes] = MappingProxyType({})) -> bytes:
    """The headers of a gRPC call; what `metadata` holds need not be text."""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "test",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    sent = {**{name: value.encode() for name, value in headers.items()}, **metadata}
    block = b"".join(b"\0" + _sized(name.encode()) + _sized(value) for name, value in sent.items())
    return frame(HEADERS, block, stream, _END_HEADERS)


def message(stream: int, content: bytes) -> bytes:
    """A whole gRPC message, the only one of its call."""
    return frame(DATA, struct.pack(">BI", 0, len(content)) + content, stream, _END_STREAM)


def reset(stream: int) -> bytes:
    """The caller has lost interest."""
    return frame(RST_STREAM, struct.pack(">I", _CANCEL), stream)


def settings(**values: int) -> bytes:
    """Settings: `window` is the room for bytes of each stream."""
    numbers = {"window": 4}
    return frame(SETTINGS, b"".join(struct.pack(">HI", numbers[n], v) for n, v in values.items()))


def _sized(raw: bytes) -> bytes:
    assert len(raw) < 127, "longer texts need a longer length"
    return bytes([len(raw)]) + raw
