"""The bytes of a table file: hashed as they are read, decompressed by what they begin with."""

from __future__ import annotations

import hashlib
import lzma
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa

from ridgeline.tables import TableError, table_errors

PIECE_BYTES = 1 << 20

_CODECS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4"}
_XZ_MAGIC = b"\xfd7zXZ\0"
_MAGIC_BYTES = len(_XZ_MAGIC)


class ByteStream(Protocol):
    """Whatever gives bytes in order."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, and none only at the end."""


@dataclass(frozen=True)
class Consumed:
    """What was read of a file as stored (compressed bytes included), from its beginning.

    `size` is in bytes; `sha256` is the hex digest of those bytes.
    """

    size: int
    sha256: str


class StoredBytes:
    """A file read once from its beginning, counted and hashed.

    `size` is the file's size in bytes when it was opened, None for a pipe. Reading past it, or meeting the
    end before it, raises TableError: somebody else writes to the file.
    """

    def __init__(self, source: Path | BinaryIO) -> None:
        """Open the path, or take the stream as it stands. Raises OSError."""
        self._is_path = isinstance(source, Path)
        self.name = str(source) if isinstance(source, Path) else "standard input"
        self.file: BinaryIO = source.open("rb") if isinstance(source, Path) else source
        self.size = _size(self.file) if self._is_path else None
        self.magic = self.file.read(_MAGIC_BYTES)
        self._ahead = self.magic
        self._count = 0
        self._hash = hashlib.sha256()

    @property
    def closed(self) -> bool:
        """True when the file is closed; pyarrow asks."""
        return self.file.closed

    @property
    def consumed(self) -> Consumed:
        """What has been read so far."""
        return Consumed(self._count, self._hash.hexdigest())

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, and none only at the end. Raises TableError, OSError."""
        piece = self._ahead[:size] or self.file.read(size)
        self._ahead = self._ahead[size:]
        self._count += len(piece)
        self._hash.update(piece)
        if self.size is not None and (self._count > self.size or (not piece and self._count < self.size)):
            raise TableError(
                f"{self.name}: changed while it was read (had {self.size} bytes, now "
                f"{os.fstat(self.file.fileno()).st_size}); read it again when nobody writes to it"
            )
        return piece

    def pieces(self) -> Iterator[bytes]:
        """Read on to the end. Raises TableError, OSError."""
        while piece := self.read(PIECE_BYTES):
            yield piece

    def read_again(self) -> None:
        """Read the whole file from its beginning, wherever it stands. Raises TableError, OSError."""
        self.file.seek(len(self.magic))
        for _ in self.pieces():
            pass

    def close(self) -> None:
        """Close the file; a stream that was handed in stays open for its owner."""
        if self._is_path:
            self.file.close()


def _size(file: BinaryIO) -> int | None:
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None  # a path may lead to a pipe


def decompressed(stored: StoredBytes) -> ByteStream:
    """Return the stored bytes as they were before compression (gzip, bz2, zstd, lz4 frames, xz or none)."""
    if stored.magic == _XZ_MAGIC:
        return lzma.LZMAFile(stored)  # type: ignore[arg-type]  # it asks no more than `read`
    for magic, codec in _CODECS.items():
        if stored.magic.startswith(magic):
            stream: ByteStream = pa.CompressedInputStream(pa.PythonFile(stored, mode="r"), codec)
            return stream
    return stored


def prefix_sha256(path: Path, size: int) -> str:
    """Return the SHA-256, in hex, of the first `size` bytes of a file as stored.

    Raises:
        TableError: the file cannot be read, or is shorter.
    """
    digest = hashlib.sha256()
    left = size
    with table_errors(path), path.open("rb") as file:
        while left and (piece := file.read(min(left, PIECE_BYTES))):
            digest.update(piece)
            left -= len(piece)
    if left:
        raise TableError(f"{path}: has {size - left} bytes, expected at least {size}; it is another file")
    return digest.hexdigest()
