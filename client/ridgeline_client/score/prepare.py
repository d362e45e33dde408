"""From a block of a file to a chunk of a stream: what is sent, what cannot be, what is carried along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ridgeline import missing, tables
from ridgeline.coded import CodedCategories
from ridgeline.table_blocks import Block, Consumed
from ridgeline_client.row_errors import row_text
from ridgeline_client.score.columns import ColumnPlan
from ridgeline_client.score.errors import WrongTable

LONGEST_TEXT = 100
"""Characters of a wrong cell that are quoted."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some rows of the input on their way.

    Attributes:
        first_row: index of its first row in the file, from 0. The chunk goes by this number in its stream:
            with the job's id it names the same rows again after a break.
        sent: int64, places in the chunk of the rows that are sent, ascending.
        columns: their features, as the client takes them.
        problems: why the other rows are not sent, by place.
        carried: what the output takes from the input: `record_id` and the kept columns, all rows.
        consumed: what of the file was read for it, and for all before it.
    """

    first_row: int
    row_count: int
    sent: npt.NDArray[np.int64]
    columns: Mapping[str, npt.NDArray[np.float64] | CodedCategories]
    problems: Mapping[int, str]
    carried: pa.Table
    consumed: Consumed


def chunks(blocks: Iterator[Block], plan: ColumnPlan, text_only: bool) -> Iterator[Chunk]:
    """Yield the chunk of each block; `text_only`: the output takes nothing but text (a CSV).

    Raises:
        WrongTable: a kept column cannot be written as text.
        TableError: the file turns out to be no table.
    """
    for block in blocks:
        yield _chunk(block, plan, text_only)


def _chunk(block: Block, plan: ColumnPlan, text_only: bool) -> Chunk:
    _check_texts(block)
    table = tables.convert(block.cells, plan.features, first_row=0, line_breaks=True)
    problems = _problems(block, table)
    columns: dict[str, npt.NDArray[np.float64] | CodedCategories] = {**table.numeric, **table.categorical}
    sent = np.setdiff1d(np.arange(table.row_count), np.fromiter(problems, np.int64, len(problems)))
    if problems:
        columns = {name: column[sent] for name, column in columns.items()}
    return Chunk(
        first_row=block.first_row,
        row_count=table.row_count,
        sent=sent,
        columns=columns,
        problems=problems,
        carried=_carried(block, plan, text_only),
        consumed=block.consumed,
    )


def _problems(block: Block, table: tables.Table) -> dict[int, str]:
    parts = {place: [f"the row {problem}"] for place, problem in block.unfit.items()}
    for bad in table.bad_cells:
        cells = block.cells.column(bad.column)
        for place in bad.rows.tolist():
            text = f"{bad.column}: expected {bad.expected}, got {_quoted(cells[place].as_py())}"
            parts.setdefault(place, []).append(text)
    return {place: row_text(texts, len(texts)) for place, texts in parts.items()}


def _check_texts(block: Block) -> None:
    """Parquet may hold bytes that are no text in a column of texts."""
    try:
        block.cells.validate(full=True)
    except pa.ArrowInvalid as error:
        last = block.first_row + block.cells.num_rows
        raise WrongTable(
            f"rows {block.first_row + 1:,} to {last:,} of the input cannot be read ({error}): write it again"
        ) from None


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
