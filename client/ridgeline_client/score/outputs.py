"""Where the rows go: a file made in steps that can be taken back, or standard output.

A step is a fixed number of rows, whatever else happens: so an undisturbed job and one that was broken off ten
times write the same bytes, compressed or not.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from ridgeline_client.score import csv_text
from ridgeline_client.score.errors import JobRefused

STEP_ROWS = 20_000
"""Rows between two moments to which a job can return."""
_GROUP_STEPS = 5
"""Steps in a row group of the finished Parquet file."""

Format = Literal["csv", "parquet"]
_PARQUET_ENDINGS = (".parquet", ".pq")
_COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, 6, mtime=0),
    ".zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
}


class Output(Protocol):
    """Takes the rows step by step.

    Attributes:
        step_rows: rows of every step but the last.
        text_only: it has no types.
    """

    step_rows: int
    text_only: bool

    def begin(self, schema: pa.Schema, length: int | None) -> int:
        """Start anew, or (with a length that `commit` returned) go on from there; returns the length.

        Raises:
            JobRefused: what was written is not there any more.
        """

    def commit(self, step: pa.Table) -> int:
        """Write one step and see it on the disk; returns the length up to here."""
        ...

    def finish(self, target: Path, length: int) -> None:
        """Make the finished file appear, also when `begin` was called in another process.

        Raises:
            JobRefused: what was written is not there any more.
        """


def check_name(path: Path) -> None:
    """Raise JobRefused for a name that stands for no format."""
    endings = (".csv", *(f".csv{ending}" for ending in _COMPRESSIONS), *_PARQUET_ENDINGS)
    if not path.name.lower().endswith(endings):
        raise JobRefused(f"{path} does not say its format: give it a name that ends in {', '.join(endings)}")


def format_of(path: Path) -> Format:
    """Return the format a file name stands for."""
    return "parquet" if path.name.lower().endswith(_PARQUET_ENDINGS) else "csv"


def compression_of(path: Path) -> str:
    """Return how a file of this name is compressed: ".gz", ".zst", or "" for not at all."""
    return next((ending for ending in _COMPRESSIONS if path.name.lower().endswith(ending)), "")


def output_in(directory: Path, target: Path) -> Output:
    """Return the output that makes `target` in a directory beside it."""
    if format_of(target) == "parquet":
        return ParquetOutput(directory)
    return CsvOutput(directory / "rows", _COMPRESSIONS.get(compression_of(target), bytes))


class CsvOutput:
    """A CSV; every step is compressed on its own, which gzip and zstd files may consist of."""

    step_rows = STEP_ROWS
    text_only = True

    def __init__(self, path: Path, compress: Callable[[bytes], bytes]) -> None:
        self._path = path
        self._compress = compress

    def begin(self, schema: pa.Schema, length: int | None) -> int:
        """See `Output`."""
        if length is None:
            return self._write(self._compress(csv_text.header(schema.names)), "wb")
        size = self._path.stat().st_size if self._path.exists() else 0
        if size < length:
            raise _gone(self._path)
        os.truncate(self._path, length)
        return length

    def commit(self, step: pa.Table) -> int:
        """See `Output`."""
        return self._write(self._compress(csv_text.lines(step)), "ab")

    def _write(self, data: bytes, mode: Literal["ab", "wb"]) -> int:
        with self._path.open(mode) as file:
            file.write(data)
            _sync(file)
            return file.tell()

    def finish(self, target: Path, length: int) -> None:
        """See `Output`."""
        written = self._path if self._path.exists() else target  # an earlier attempt may have got this far
        if not written.exists() or written.stat().st_size != length:
            raise _gone(written)
        written.replace(target)


class ParquetOutput:
    """A Parquet file, in one part per step; its length is the number of parts."""

    step_rows = STEP_ROWS
    text_only = False

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._count = 0

    def begin(self, schema: pa.Schema, length: int | None) -> int:
        """See `Output`."""
        self._count = length or 0
        self._check_parts(self._count)
        if length is None:
            self._write(schema.empty_table(), self._no_rows)
        return self._count

    def commit(self, step: pa.Table) -> int:
        """See `Output`."""
        self._write(step, self._part(self._count))
        self._count += 1
        return self._count

    def finish(self, target: Path, length: int) -> None:
        """See `Output`."""
        self._check_parts(length)
        joined = self._directory / "joined"
        parts = [self._part(number) for number in range(length)] or [self._no_rows]
        with joined.open("wb") as file:
            try:
                _join(parts, file)
            except pa.ArrowInvalid:
                raise _gone(self._directory) from None
            _sync(file)
        joined.replace(target)

    def _write(self, table: pa.Table, path: Path) -> None:
        with path.open("wb") as file:
            pq.write_table(table, file)
            _sync(file)

    def _check_parts(self, count: int) -> None:
        for number in range(count):
            if not self._part(number).exists():
                raise _gone(self._part(number))

    @property
    def _no_rows(self) -> Path:
        return self._directory / "no-rows.parquet"

    def _part(self, number: int) -> Path:
        return self._directory / f"part-{number:07}.parquet"


def _join(parts: list[Path], file: BinaryIO) -> None:
    # Kept columns have the types of the rows; without rows their names are enough.
    with pq.ParquetWriter(file, pq.read_schema(parts[0])) as writer:
        for first in range(0, len(parts), _GROUP_STEPS):
            group = [pq.read_table(part) for part in parts[first : first + _GROUP_STEPS]]
            writer.write_table(pa.concat_tables(group))


class PipeOutput:
    """A CSV on standard output, written as rows come; nothing is taken back there."""

    step_rows = 1
    text_only = True

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._length = 0

    def begin(self, schema: pa.Schema, _length: int | None) -> int:
        """See `Output`; what is out stays out."""
        if not self._length:
            self._length = self._pipe.write(csv_text.header(schema.names))
        return self._length

    def commit(self, step: pa.Table) -> int:
        """See `Output`; a pipe keeps nothing."""
        self._length += self._pipe.write(csv_text.lines(step))
        self._pipe.flush()
        return self._length

    def finish(self, _target: Path, _length: int) -> None:
        """See `Output`; a pipe needs nothing."""


def _gone(path: Path) -> JobRefused:
    return JobRefused(f"{path} does not hold any more what was written: begin anew with --restart")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """See the names in a directory on the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
