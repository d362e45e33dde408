"""Many rows some thousand at a time, so that whoever waits for one price gets a turn in between.

The answer is that of all rows at once, bit for bit: no row's price or notice depends on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ridgeline.reasons import Reason
from ridgeline_server.domain import (
    CategoricalColumn,
    Categories,
    CellNotices,
    CheckedBatch,
    PredictionBatch,
    RecordBatch,
)
from ridgeline_server.engine.faults import LISTED
from ridgeline_server.errors import Violation

BLOCK_ROWS = 5_000
_SHORT_DICTIONARIES = 1_000  # words of all columns together: each block reads them anew

_Array = npt.NDArray[Any]


def in_blocks(batch: RecordBatch, price: Callable[[RecordBatch], PredictionBatch]) -> PredictionBatch:
    """Price a batch block by block. What `price` raises ends it, so it may also say that nobody waits."""
    if batch.row_count <= BLOCK_ROWS or not _divides(batch):
        return price(batch)
    answers = [price(block) for block in _blocks(batch)]
    return PredictionBatch(
        np.concatenate([answer.price for answer in answers]),
        np.concatenate([answer.model_price for answer in answers]),
        np.concatenate([answer.lower for answer in answers]),
        np.concatenate([answer.upper for answer in answers]),
        np.concatenate([answer.flags for answer in answers]),
        _checked([answer.checked for answer in answers]),
    )


def _divides(batch: RecordBatch) -> bool:
    """False where a block would cost about as much as the whole: names by row, and long dictionaries."""
    return not batch.strays and sum(len(c.dictionary) for c in batch.categorical) <= _SHORT_DICTIONARIES


def _blocks(batch: RecordBatch) -> Iterator[RecordBatch]:
    for start in range(0, batch.row_count, BLOCK_ROWS):
        place = slice(start, min(start + BLOCK_ROWS, batch.row_count))
        columns = [CategoricalColumn(c.name, c.dictionary, c.codes[place]) for c in batch.categorical]
        rows = place.stop - place.start
        yield replace(batch, row_count=rows, numeric=batch.numeric[place], categorical=columns)


def _checked(blocks: Sequence[CheckedBatch]) -> CheckedBatch:
    width = blocks[0].numeric.shape[1] + len(blocks[0].categories.entries)
    refused = [block.refused for block in blocks]
    return CheckedBatch(
        np.concatenate([block.numeric for block in blocks]),
        _categories([block.categories for block in blocks]),
        _cells([block.cells for block in blocks], BLOCK_ROWS * width),
        np.concatenate([block.missing_count for block in blocks]),
        None if all(rows is None for rows in refused) else np.concatenate(_whole(refused, blocks)),
        _violations(blocks),
        _counts(blocks),
        blocks[0].ignored,  # whole columns: without strays no name is a single row's
    )


def _whole(refused: Sequence[_Array | None], blocks: Sequence[CheckedBatch]) -> list[_Array]:
    return [
        np.zeros(len(block.missing_count), dtype=bool) if rows is None else rows
        for rows, block in zip(refused, blocks, strict=True)
    ]


def _categories(blocks: Sequence[Categories]) -> Categories:
    codes, levels = (
        np.concatenate([getattr(block, name) for block in blocks], axis=1) for name in ("codes", "levels")
    )
    return Categories(blocks[0].entries, codes, levels)  # a short dictionary is read whole, whatever is used


def _cells(blocks: Sequence[CellNotices], step: int) -> CellNotices:
    return CellNotices(
        *(
            np.concatenate([getattr(block, name) + at * step for at, block in enumerate(blocks)])
            for name in ("imputed", "unknown", "outside")
        )
    )


def _violations(blocks: Sequence[CheckedBatch]) -> tuple[Violation, ...]:
    found: list[Violation] = []
    for at, block in enumerate(blocks):
        first = at * BLOCK_ROWS
        told = block.violations[: LISTED - len(found)]
        found += [replace(violation, row=first + (violation.row or 0)) for violation in told]
    return tuple(found)


def _counts(blocks: Sequence[CheckedBatch]) -> tuple[tuple[Reason, str, int], ...]:
    counts: dict[tuple[Reason, str], int] = {}
    for block in blocks:
        for reason, feature, count in block.violation_counts:
            counts[reason, feature] = counts.get((reason, feature), 0) + count
    return tuple((reason, feature, count) for (reason, feature), count in counts.items())
