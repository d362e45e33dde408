"""Rows of the output as CSV: UTF-8, comma, line feed, quotes only where a cell needs them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

_NEEDS_QUOTES = '[",\r\n]'
_PIECE_BYTES = 256 << 20  # an array of texts holds 2 GiB at most


def header(names: Sequence[str]) -> bytes:
    """Return the first line."""
    return _joined([_quoted(pa.array([name], pa.string())) for name in names])


def lines(table: pa.Table) -> bytes:
    """Return one line per row; null is an empty cell."""
    pieces = 1 + table.nbytes // _PIECE_BYTES
    size = max(1, -(-table.num_rows // pieces))
    return b"".join(_lines(table.slice(first, size)) for first in range(0, table.num_rows, size))


def _lines(table: pa.Table) -> bytes:
    return _joined([_cells(column.combine_chunks()) for column in table.columns])


def _cells(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        return _quoted(column)
    return pc.cast(column, pa.string())


def _quoted(cells: pa.Array) -> pa.Array:
    odd = pc.fill_null(pc.match_substring_regex(cells, _NEEDS_QUOTES), False)
    if not pc.any(odd).as_py():
        return cells
    inside = pc.replace_substring(cells, '"', '""')
    return pc.if_else(odd, pc.binary_join_element_wise('"', inside, '"', ""), cells)


def _joined(columns: Sequence[pa.Array]) -> bytes:
    rows = pc.binary_join_element_wise(*columns, ",", null_handling="replace", null_replacement="")
    ended = pc.binary_join_element_wise(rows, "", "\n")
    # An array of texts holds them one behind the other: with their line ends, that is the file.
    joined = pa.concat_arrays([ended])
    return bytes(joined.buffers()[2])
