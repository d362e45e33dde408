"""A whole DataFrame through a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ridgeline_client.results import ChunkResult, PredictionBatch
from ridgeline_client.row_errors import Rows, row_errors

FRAME_CHUNK_ROWS = 5_000


Columns = dict[str, npt.NDArray[Any]]


def chunks(frame: Any, rows: int) -> Iterator[Any]:
    """Yield a DataFrame in pieces. Raises TypeError for what is none, ValueError for pieces without rows."""
    if not hasattr(frame, "iloc") or not hasattr(frame, "columns"):
        raise TypeError(f"frame must be a pandas DataFrame, got {type(frame).__name__}")
    if rows < 1:
        raise ValueError(f"chunk_rows must be 1 or more, got {rows!r}")
    return (frame.iloc[start : start + rows] for start in range(0, len(frame), rows))


def collected(
    frame: Any, rows: int, results: Iterator[ChunkResult], ask: Callable[[Any], PredictionBatch]
) -> Any:
    """Return the answers to a frame's pieces as a DataFrame with the frame's index.

    Args:
        frame: what was asked.
        rows: of each piece but the last.
        results: one per piece, in order.
        ask: prices some rows of the frame anew.

    Raises:
        RidgelineError: a piece was refused as a whole.
    """
    made = _empty(len(frame))
    for result in results:
        answer = result.answer()
        piece = frame.iloc[result.sequence * rows :][:rows]

        def ask_again(some: Rows, piece: Any = piece) -> PredictionBatch:
            return ask(piece.iloc[some])

        place = slice(result.sequence * rows, result.sequence * rows + result.row_count)
        for name, values in answer.columns().items():
            made[name][place] = values
        made["version"][place] = answer.model.version
        for row, text in row_errors(answer, ask_again).items():
            made["error"][place.start + row] = text
    return type(frame)(made, index=frame.index)


def _empty(n: int) -> Columns:
    prices: Columns = {name: np.empty(n) for name in ("price", "model_price", "lower", "upper")}
    return {
        **prices,
        "flags": np.empty(n, dtype=np.int32),
        "version": np.empty(n, dtype=np.int64),
        "error": np.full(n, "", dtype=np.object_),
    }
