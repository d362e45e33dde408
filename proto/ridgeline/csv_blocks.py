"""A CSV in blocks of rows, of any size and from a pipe too; a row that does not fit hurts only itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ridgeline.block_reader import Block, BlockReader, PlainNumbers, regroup
from ridgeline.csv_cells import Header, MalformedCsv, header_of, parse_options_of
from ridgeline.csv_records import Records, RecordStream
from ridgeline.table_bytes import StoredBytes, decompressed
from ridgeline.tables import table_errors

_EMPTY_LINE = "is an empty line"
_STRAY_TEXT = "has text after the closing quote of a cell"
_NOT_UTF8 = "is not UTF-8"
_FAILURES = 2
"""Blocks in a row whose numbers are no plain ones; after that all are read as text at once."""


class CsvBlocks(BlockReader):
    """The blocks of a CSV (UTF-8, with a header; comma, semicolon, tab or bar)."""

    kind = "csv"
    first_row_number = 2
    row_count = None

    def __init__(self, stored: StoredBytes, declared: Sequence[str], read_bytes: int) -> None:
        self._stored = stored
        self._records = RecordStream(decompressed(stored), read_bytes)
        self._header = header_of(self._records.first_line().decode("utf-8-sig"), declared)
        self.names = tuple(self._header.names)
        self.size = stored.size

    def _blocks(self, columns: list[str], rows: int, skip: int, plain: PlainNumbers) -> Iterator[Block]:
        parser = Parser(self._header, columns, plain)
        first_row = skip
        with table_errors(self._stored.name):
            for group in regroup(self._runs(), rows, skip):
                records = Records.joined(group)
                number = first_row + self.first_row_number
                cells, unfit = parser.parse(records, number)
                yield Block(first_row, cells, unfit, self._stored.consumed)
                first_row += len(records)

    def _runs(self) -> Iterator[Records]:
        for run in self._records.runs(self._header.delimiter, self.first_row_number):
            length = len(run)
            if len(self.names) > 1 and run.empty[-1]:  # only the end of the file has it
                full = np.flatnonzero(~run.empty)
                length = int(full[-1]) + 1 if len(full) else 0
            yield run.slice(0, length)

    def close(self) -> None:
        """Close the file; a stream that was handed in stays open for its owner."""
        self._stored.close()


class Parser:
    """Parses records, block by block."""

    def __init__(self, header: Header, columns: list[str], plain: PlainNumbers) -> None:
        self._header = header
        self._columns = columns
        self._plain = plain
        self._failures = 0

    def parse(self, records: Records, first_number: int) -> tuple[pa.Table, dict[int, str]]:
        """Return the wanted columns, a row for each record, and what is wrong with rows by their index.

        Raises:
            MalformedCsv: the rows cannot be told apart.
            pyarrow.ArrowException: they cannot be parsed.
        """
        absent: dict[int, str] = {}
        # The first line is a dummy: pyarrow would take a byte order mark off the first row.
        data = b"".join((b"\n", records.content))
        raw = self._parsed(data, absent)
        if raw.num_rows + len(absent) != len(records):
            last = first_number + len(records) - 1
            raise MalformedCsv(
                f"rows {first_number} to {last} cannot be told apart: {len(records)} records end there, "
                f"{raw.num_rows + len(absent)} were read; write the file again with one kind of line break"
            )
        cells = _spread(raw, absent, len(records))
        unfit = dict.fromkeys(() if data.isascii() else _undecodable(cells), _NOT_UTF8)
        unfit |= dict.fromkeys(np.flatnonzero(records.stray).tolist(), _STRAY_TEXT)
        unfit |= absent
        if len(self._header.names) > 1:
            unfit |= dict.fromkeys(np.flatnonzero(records.empty).tolist(), _EMPTY_LINE)
        return _nulled(cells, unfit), dict(sorted(unfit.items()))

    def _parsed(self, data: bytes, absent: dict[int, str]) -> pa.Table:
        """Return the cells of the rows that fit, their text unchecked; the others go into `absent`."""
        if self._plain.columns and self._failures < _FAILURES:
            try:
                raw = self._read(data, absent, self._plain.columns)
            except pa.ArrowInvalid:
                self._failures += 1
            else:
                if not _has_nan(raw, self._plain.columns):
                    self._failures = 0
                    return raw
                self._failures += 1
            absent.clear()
        return self._read(data, absent, ())

    def _read(self, data: bytes, absent: dict[int, str], numbers: Sequence[str]) -> pa.Table:
        names = self._header.names

        def skip(row: pyarrow.csv.InvalidRow) -> str:
            absent[row.number - 2] = f"has {row.actual_columns} cells, the header has {len(names)}"
            return "skip"

        # Columns go by position, so that a name that is there twice hurts only itself.
        positions = [str(names.index(name)) for name in self._columns]
        types = dict.fromkeys(positions, pa.string())
        types |= {str(names.index(name)): pa.float64() for name in numbers}
        raw = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            read_options=pyarrow.csv.ReadOptions(
                column_names=[str(i) for i in range(len(names))],
                skip_rows=1,
                use_threads=False,  # only one thread knows the numbers of rows that do not fit
                block_size=len(data),
            ),
            parse_options=parse_options_of(self._header, skip),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=positions or ["0"],
                column_types=types,
                null_values=["", *self._plain.missing_tokens],  # of numbers; texts are never null
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
        return raw.select(positions).rename_columns(self._columns)


def _has_nan(cells: pa.Table, numbers: Sequence[str]) -> bool:
    """True when a text was read as NaN: pyarrow takes more of them, such as "nan(1)", than the rule does."""
    return any(pc.any(pc.is_nan(cells.column(name))).as_py() for name in numbers)


def _spread(raw: pa.Table, absent: dict[int, str], row_count: int) -> pa.Table:
    """Put null rows where rows are absent."""
    if not absent:
        return raw
    lacking = _mask(absent, row_count)
    return raw.take(pa.array(np.cumsum(~lacking) - 1, mask=lacking))


def _nulled(cells: pa.Table, unfit: dict[int, str]) -> pa.Table:
    if not unfit:
        return cells
    return cells.take(pa.array(np.arange(cells.num_rows), mask=_mask(unfit, cells.num_rows)))


def _mask(rows: dict[int, str], row_count: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros(row_count, np.bool_)
    mask[list(rows)] = True
    return mask


def _undecodable(cells: pa.Table) -> set[int]:
    """Return the rows that have a cell which is not UTF-8."""
    rows: set[int] = set()
    for column in cells.columns:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            bare = column.cast(pa.binary()).to_pylist()
            rows.update(row for row, cell in enumerate(bare) if not _is_utf8(cell))
    return rows


def _is_utf8(cell: bytes | None) -> bool:
    try:
        (cell or b"").decode()
    except UnicodeDecodeError:
        return False
    return True
