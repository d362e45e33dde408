"""What is wrong with each refused row, whatever else is in its chunk.

An answer lists at most 1,000 violations. Rows whose violations are not all there are asked for again, so that
a row's text is the one it would have alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ridgeline.notices import NoticeKind
from ridgeline_client.results import PredictionBatch

SHOWN = 3
"""Violations of a row that are spelt out."""
UNKNOWN = "the row was refused"

Rows = npt.NDArray[np.int64]


def row_errors(answer: PredictionBatch, ask: Callable[[Rows], PredictionBatch]) -> dict[int, str]:
    """Return a text for each row of `answer` that carries ROW_ERROR, by its index.

    Args:
        answer: prices of some rows.
        ask: prices those of them anew whose indices it is given.
    """
    texts = _complete(answer)
    left = [
        row for row in np.flatnonzero(answer.rows_with(NoticeKind.ROW_ERROR)).tolist() if row not in texts
    ]
    size = max(1, len(texts))
    while left:
        piece = left[:size]
        found = _complete(ask(np.array(piece)))
        if size == 1:
            found.setdefault(0, UNKNOWN)
        texts |= {piece[place]: text for place, text in found.items()}
        left = [row for row in left if row not in texts]
        size = max(1, len(found))
    return texts


def _complete(answer: PredictionBatch) -> dict[int, str]:
    """Texts of the rows whose violations are all listed; a row that is alone counts as it is."""
    found: dict[int, list[str]] = {}
    for error in answer.row_errors:
        text = error.message if error.feature in error.message else f"{error.feature}: {error.message}"
        found.setdefault(error.row, []).append(text)
    unlisted = answer.row_error_count - len(answer.row_errors)
    if len(answer) == 1:
        return {row: row_text(parts, len(parts) + unlisted) for row, parts in found.items()}
    if unlisted and found:
        del found[max(found)]
    return {row: row_text(parts, len(parts)) for row, parts in found.items()}


def row_text(parts: Sequence[str], count: int) -> str:
    """Return what is wrong with a row in one line: the first of its `count` violations are spelt out."""
    more = count - len(parts[:SHOWN])
    return "; ".join(parts[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
