"""Reads tables of any size in blocks of rows, in bounded memory: for jobs that one bad row must not stop.

Where `ridgeline.tables` reads a whole file and refuses what does not fit, this reads CSV and Parquet block
by block and says which rows do not fit. Needs pyarrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from ridgeline.block_reader import Block, BlockReader, PlainNumbers
from ridgeline.csv_blocks import CsvBlocks
from ridgeline.parquet_blocks import ParquetBlocks
from ridgeline.table_bytes import PIECE_BYTES, Consumed, StoredBytes, prefix_sha256
from ridgeline.tables import PARQUET_MAGIC, table_errors

__all__ = ["Block", "BlockReader", "Consumed", "PlainNumbers", "open_blocks", "prefix_sha256"]


def open_blocks(
    source: Path | BinaryIO, declared: Sequence[str], *, read_bytes: int = PIECE_BYTES
) -> BlockReader:
    """Open a Parquet file or a CSV; which it is, and how it is compressed, is told by its first bytes.

    A CSV is UTF-8 with a header, as it is or in gzip, bz2, zstd, lz4 frames or xz; its delimiter is the one
    that finds most of the declared names. A stream is read from where it stands and need not be seekable; a
    Parquet file from a stream is copied to an unnamed temporary file. `read_bytes` is how much of a CSV is
    cut into rows at a time.

    Raises:
        TableError: there is no such file, or it is not a table.
    """
    name = source if isinstance(source, Path) else "standard input"
    with table_errors(name):
        stored = StoredBytes(source)
        with ExitStack() as opened:
            opened.callback(stored.close)
            is_parquet = stored.magic.startswith(PARQUET_MAGIC)
            reader = ParquetBlocks(stored) if is_parquet else CsvBlocks(stored, declared, read_bytes)
            opened.pop_all()
            return reader
