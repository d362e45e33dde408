"""A Parquet file in blocks of rows, however its row groups are cut."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet

from ridgeline.block_reader import Block, BlockReader, PlainNumbers, regroup
from ridgeline.table_bytes import StoredBytes
from ridgeline.tables import table_errors

_BUFFER_BYTES = 16 << 10  # of each column at a time; without it whole columns of a row group are held


class ParquetBlocks(BlockReader):
    """The blocks of a Parquet file; what comes from a pipe goes to an unnamed temporary file first."""

    kind = "parquet"
    first_row_number = 1

    def __init__(self, stored: StoredBytes) -> None:
        self._stored = stored
        self._is_spooled = stored.size is None
        with ExitStack() as opened:
            opened.callback(stored.close)
            file = opened.enter_context(_spooled(stored)) if self._is_spooled else stored.file
            self._file = opened.enter_context(
                pyarrow.parquet.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER_BYTES)
            )
            self._opened = opened.pop_all()
        self.names = tuple(self._file.schema_arrow.names)
        self.row_count = self._file.metadata.num_rows
        self.size = stored.size

    def _blocks(self, columns: list[str], rows: int, skip: int, _plain: PlainNumbers) -> Iterator[Block]:
        first_row = skip
        with table_errors(self._stored.name):
            if not self._is_spooled:
                self._stored.read_again()
            first_group, left = self._group_of(skip)
            for group in regroup(self._batches(first_group, columns, rows), rows, left):
                cells = pa.Table.from_batches(group)
                yield Block(first_row, cells, {}, self._stored.consumed)
                first_row += cells.num_rows

    def _group_of(self, row: int) -> tuple[int, int]:
        """Return the row group that has the row, or the number of groups, and the row's place from there."""
        metadata = self._file.metadata
        for group in range(metadata.num_row_groups):
            size = metadata.row_group(group).num_rows
            if row < size:
                return group, row
            row -= size
        return metadata.num_row_groups, row

    def _batches(self, first_group: int, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        batches = self._file.iter_batches(
            batch_size=rows,
            row_groups=list(range(first_group, self._file.metadata.num_row_groups)),
            columns=columns,
            use_threads=False,  # measured: no faster, and more memory
        )
        for batch in batches:
            yield batch.select(columns)  # asked for "a.b", pyarrow also gives part b of a struct a

    def close(self) -> None:
        """Close the file; a stream that was handed in stays open for its owner."""
        self._opened.close()


@contextmanager
def _spooled(stored: StoredBytes) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as spool:
        for piece in stored.pieces():
            spool.write(piece)
        yield spool
