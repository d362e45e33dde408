"""From a block of a file to a chunk of a stream: what is sent, what cannot be, what is carried along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ridgeline import missing, tables
from ridgeline.table_blocks import Block, Consumed
from ridgeline_client.score.columns import ColumnPlan
from ridgeline_client.score.errors import WrongTable

LONGEST_TEXT = 100
"""Characters of a wrong cell that are quoted."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some rows of the input on their way.

    Attributes:
        number: the chunk's place among the chunks of this run.
        first_row: index of its first row in the file, from 0.
        sent: int64, places in the chunk of the rows that are sent, ascending.
        columns: their features, as the client takes them.
        problems: why the other rows are not sent, by place.
        carried: what the output takes from the input: `record_id` and the kept columns, all rows.
        consumed: what of the file was read for it, and for all before it.
    """

    number: int
    first_row: int
    row_count: int
    sent: npt.NDArray[np.int64]
    columns: Mapping[str, npt.NDArray[Any]]
    problems: Mapping[int, str]
    carried: pa.Table
    consumed: Consumed


def chunks(blocks: Iterator[Block], plan: ColumnPlan, text_only: bool) -> Iterator[Chunk]:
    """Yield the chunk of each block; `text_only`: the output takes nothing but text (a CSV).

    Raises:
        WrongTable: a kept column cannot be written as text.
        TableError: the file turns out to be no table.
    """
    for number, block in enumerate(blocks):
        yield _chunk(number, block, plan, text_only)


def _chunk(number: int, block: Block, plan: ColumnPlan, text_only: bool) -> Chunk:
    table = tables.convert(block.cells, plan.features, first_row=0, line_breaks=True)
    problems = {place: f"the row {problem}" for place, problem in block.unfit.items()}
    for bad in table.bad_cells:
        cells = block.cells.column(bad.column)
        for place in bad.rows.tolist():
            text = f"{bad.column}: expected {bad.expected}, got {_quoted(cells[place].as_py())}"
            problems[place] = f"{problems[place]}; {text}" if place in problems else text
    columns: dict[str, npt.NDArray[Any]] = {**table.numeric, **table.categorical}
    sent = np.setdiff1d(np.arange(table.row_count), np.fromiter(problems, np.int64, len(problems)))
    if problems:
        columns = {name: column[sent] for name, column in columns.items()}
    return Chunk(
        number=number,
        first_row=block.first_row,
        row_count=table.row_count,
        sent=sent,
        columns=columns,
        problems=problems,
        carried=_carried(block, plan, text_only),
        consumed=block.consumed,
    )


def _quoted(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "...")


def _carried(block: Block, plan: ColumnPlan, text_only: bool) -> pa.Table:
    kept = {new: _plain(block.cells.column(old)) for new, old in plan.kept.items()}
    if text_only:
        kept = {name: _text(name, column) for name, column in kept.items()}
    return pa.table({"record_id": _record_ids(block, plan), **kept})


def _record_ids(block: Block, plan: ColumnPlan) -> pa.ChunkedArray | pa.Array:
    if plan.record_id is None:
        numbers = np.arange(block.first_row + 1, block.first_row + 1 + block.cells.num_rows)
        return pc.cast(pa.array(numbers), pa.string())
    ids = _plain(block.cells.column(plan.record_id))
    if pa.types.is_floating(ids.type):  # 7.0, an integer in a column with gaps, is called "7"
        return pa.array([missing.category(value) for value in ids.to_pylist()], pa.string())
    return _text(plan.record_id, ids)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _text(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return pc.cast(column, pa.string())
    except pa.ArrowException:
        raise WrongTable(
            f"column {name!r} of type {column.type} cannot be written as text: "
            "leave it out of the input, or write Parquet"
        ) from None
