"""Cuts the bytes of a CSV into whole records, quotes respected, without parsing the cells.

A record ends at a line break (LF, CRLF or CR) outside quotes. A quote opens a quoted cell only at the cell's
beginning; two quotes inside stand for one. So `csv.reader` and pyarrow have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt

from ridgeline.csv_cells import MalformedCsv
from ridgeline.table_bytes import ByteStream

MAX_RECORD_BYTES = 16 << 20
_LF, _CR, _QUOTE = b'\n\r"'


@dataclass(frozen=True)
class Records:
    """Whole records of a CSV.

    Record i is `data[bounds[i]:bounds[i + 1]]`, its line break included; `bounds` is int64 of shape [n + 1].
    `stray`, bool of shape [n], tells the records that have text after a closing quote.
    """

    data: bytes
    bounds: npt.NDArray[np.int64]
    stray: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.stray)

    def slice(self, offset: int, length: int) -> Self:
        """Return `length` records from `offset` on; the bytes are shared."""
        bounds = self.bounds[offset : offset + length + 1]
        return type(self)(self.data, bounds, self.stray[offset : offset + length])

    @classmethod
    def joined(cls, parts: Sequence[Records]) -> Self:
        """Return the records of all parts, in order, in bytes of their own."""
        sizes = np.concatenate([np.diff(part.bounds) for part in parts])
        return cls(
            data=b"".join(part.content for part in parts),
            bounds=np.concatenate(([0], np.cumsum(sizes))),
            stray=np.concatenate([part.stray for part in parts]),
        )

    @property
    def nbytes(self) -> int:
        """The size of these records in bytes."""
        return int(self.bounds[-1] - self.bounds[0])

    @property
    def content(self) -> memoryview:
        """The bytes of these records alone."""
        return memoryview(self.data)[self.bounds[0] : self.bounds[-1]]

    @property
    def empty(self) -> npt.NDArray[np.bool_]:
        """Which records are empty lines; bool of shape [n]."""
        sizes = np.diff(self.bounds)
        first = np.frombuffer(self.data, np.uint8)[self.bounds[:-1]]
        return np.asarray((sizes == 1) | ((sizes == 2) & (first == _CR)))


def cut(data: bytes, delimiter: str) -> Records:
    """Return the whole records at the beginning of the data, which begins with one."""
    codes = np.frombuffer(data, np.uint8)
    ends = _line_ends(data, codes)
    if b'"' in data:
        quotes = np.flatnonzero(codes == _QUOTE)
        if not _plain(codes, quotes, delimiter):
            return _cut_slowly(data, delimiter)
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    return Records(data, np.concatenate(([0], ends)), np.zeros(len(ends), np.bool_))


def _plain(codes: npt.NDArray[np.uint8], quotes: npt.NDArray[np.int64], delimiter: str) -> bool:
    """True when every odd quote opens a cell and every even one closes it or is doubled."""
    edge = np.zeros(256, np.bool_)
    edge[[_LF, _CR, _QUOTE, ord(delimiter)]] = True
    openings, closings = quotes[::2], quotes[1::2]
    before = codes[openings[openings > 0] - 1]
    after = codes[closings[closings < len(codes) - 1] + 1]
    return bool(edge[before].all() and edge[after].all())


def _line_ends(data: bytes, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return where the next line begins, for each line that is known to end."""
    ends = np.flatnonzero(codes == _LF) + 1
    if b"\r" not in data:
        return ends
    returns = np.flatnonzero(codes[:-1] == _CR) + 1  # of the last byte nobody knows yet whether LF follows
    alone = returns[codes[returns] != _LF]
    return np.sort(np.concatenate((ends, alone))) if len(alone) else ends


def _cut_slowly(data: bytes, delimiter: str) -> Records:
    pattern = _record_pattern(delimiter)
    bounds, stray = [0], []
    while match := pattern.match(data, bounds[-1]):
        bounds.append(match.end())
        stray.append(match.lastindex is not None)
    return Records(data, np.array(bounds, np.int64), np.array(stray, np.bool_))


@lru_cache
def _record_pattern(delimiter: str) -> re.Pattern[bytes]:
    """One record and its line break; its groups are text after closing quotes."""
    cell = r'(?:"[^"]*+(?:""[^"]*+)*+"([^D\r\n]++)?|[^"D\r\n][^D\r\n]*+|)'
    record = rf'(?:[^"\r\n]*+|{cell}(?:D{cell})*)(?:\r\n|\n|\r(?=[^\n]))'
    return re.compile(record.replace("D", re.escape(delimiter)).encode())


class RecordStream:
    """The records of a decompressed CSV from its second line on, in runs as they come."""

    def __init__(self, stream: ByteStream, read_bytes: int) -> None:
        self._stream = stream
        self._read_bytes = read_bytes
        self._rest = b""

    def first_line(self) -> bytes:
        """Take the first line, its line break included. Raises MalformedCsv: it does not end."""
        data = b""
        while piece := self._stream.read(self._read_bytes):
            data += piece
            if found := re.search(rb"\r\n|\n|\r(?=[^\n])", data):
                self._rest = data[found.end() :]
                return data[: found.end()]
            if len(data) > MAX_RECORD_BYTES:
                raise MalformedCsv("the first line does not end; it must hold the column names of a CSV")
        return data

    def runs(self, delimiter: str, first_number: int) -> Iterator[Records]:
        """Give the records; `first_number` is what a person calls the first of them.

        Empty lines are held back until something follows, so they end a run only at the end of the file.

        Raises:
            MalformedCsv: a record does not end or may have swallowed others.
        """
        number = first_number
        ended = False
        while not ended:
            piece = self._stream.read(self._read_bytes)
            ended = not piece
            data = self._rest + piece
            if ended and data and not data.endswith(b"\n"):
                data += b"\n"
            records = cut(data, delimiter)
            if not ended:
                full = np.flatnonzero(~records.empty)
                records = records.slice(0, int(full[-1]) + 1 if len(full) else 0)
            _refuse_swallowed(records, number)
            number += len(records)
            self._rest = data[records.bounds[-1] :]
            if self._rest and (ended or len(self._rest) > MAX_RECORD_BYTES):
                raise _endless(number) if b'"' in self._rest else _overlong(number)
            if len(records):
                yield records


def _refuse_swallowed(records: Records, first_number: int) -> None:
    for index in np.flatnonzero(records.stray):
        record = records.slice(int(index), 1).content.tobytes()
        if len(record.splitlines()) > 1:
            raise _endless(first_number + int(index))


def _endless(number: int) -> MalformedCsv:
    return MalformedCsv(
        f"row {number}: a quoted cell does not end, or has text after its closing quote; close the quote, "
        "and double each quote inside a quoted cell"
    )


def _overlong(number: int) -> MalformedCsv:
    return MalformedCsv(f"row {number} does not end within {MAX_RECORD_BYTES >> 20} MiB; this is no CSV")
