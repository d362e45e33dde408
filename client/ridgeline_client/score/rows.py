"""From a chunk and its answer to rows of the output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ridgeline.coded import CodedCategories
from ridgeline.notices import NoticeKind
from ridgeline.reasons import Reason
from ridgeline_client.errors import InvalidInput, MessageTooLarge, RequestError
from ridgeline_client.results import ChunkResult, NoticeCount, PredictionBatch
from ridgeline_client.row_errors import Rows, row_errors
from ridgeline_client.score.columns import ColumnPlan
from ridgeline_client.score.decimals import decimals, price_type
from ridgeline_client.score.errors import JobFailed
from ridgeline_client.score.prepare import Chunk

TOO_LARGE = "the row is too large for one message: shorten its texts"
Arrays = Mapping[str, npt.NDArray[np.float64] | CodedCategories]
Ask = Callable[[Arrays], PredictionBatch]
PRICES = ("price", "model_price", "lower", "upper")


def output_schema(plan: ColumnPlan, currency: str) -> pa.Schema:
    """Return the columns of an output; the kept ones as text, which only an output without rows shows."""
    price = price_type(currency)
    types = {"record_id": pa.string(), **dict.fromkeys(PRICES, price), "flags": pa.int32()}
    types |= {"error": pa.string(), "model": pa.string()}
    return pa.schema([*types.items(), *((name, pa.string()) for name in plan.kept)])


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Rows of the output and what is to be said about them.

    Attributes:
        table: the columns of the output, in order.
        flags: int32[n].
        errors: text by place, of the rows without a price because of their input.
        notice_counts: of the rows that were sent.
    """

    chunk: Chunk
    table: pa.Table
    flags: npt.NDArray[np.int32]
    errors: Mapping[int, str]
    notice_counts: tuple[NoticeCount, ...]


class RowMaker:
    """Makes the rows of the output.

    Args:
        ask: prices columns anew, with the version that answers this job.
        currency: ISO 4217 code of the prices.
        model: what the column `model` says.
    """

    def __init__(self, ask: Ask, currency: str, model: str) -> None:
        self._ask = ask
        self._kind = price_type(currency)
        self._model = model

    def rows(self, chunk: Chunk, result: ChunkResult) -> ScoredRows:
        """Return the rows of a chunk, every one of them, in order.

        Raises:
            RidgelineError: the chunk was refused as a whole.
            JobFailed: another number of rows was answered than was sent.
        """
        errors = dict(chunk.problems)
        flags = np.full(chunk.row_count, NoticeKind.ROW_ERROR.bit, dtype=np.int32)
        prices = {name: np.full(chunk.row_count, np.nan) for name in PRICES}
        counts: list[NoticeCount] = []
        for places, answer in self._answers(chunk, result):
            if answer is None:
                errors |= dict.fromkeys(places.tolist(), TOO_LARGE)
                continue
            flags[places] = answer.flags
            for name in PRICES:
                prices[name][places] = getattr(answer, name)
            counts += answer.notice_counts
            if answer.error_row_count:
                errors |= self._row_errors(chunk, places, answer)
        table = self._table(chunk, prices, flags, errors)
        return ScoredRows(chunk, table, flags, errors, tuple(counts))

    def _row_errors(self, chunk: Chunk, places: Rows, answer: PredictionBatch) -> dict[int, str]:
        columns = take(chunk.columns, np.searchsorted(chunk.sent, places))
        texts = row_errors(answer, lambda rows: self._ask(take(columns, rows)))
        return {int(places[row]): text for row, text in texts.items()}

    def _answers(self, chunk: Chunk, result: ChunkResult) -> list[tuple[Rows, PredictionBatch | None]]:
        if _has_too_many_rows(result.error):
            return self._halves(chunk.sent, chunk.columns)
        answer = result.answer()
        if len(answer) != len(chunk.sent):
            raise JobFailed(
                f"the server answered {len(answer)} rows for {len(chunk.sent)}: "
                "are its version and this command's alike?"
            )
        return [(chunk.sent, answer)]

    def _halves(self, places: Rows, columns: Arrays) -> list[tuple[Rows, PredictionBatch | None]]:
        """Ask for each half of the rows; None for a row that is too large alone."""
        if len(places) == 1:
            return [(places, None)]
        parts: list[tuple[Rows, PredictionBatch | None]] = []
        for rows in np.array_split(np.arange(len(places)), 2):
            half = take(columns, rows)
            try:
                parts.append((places[rows], self._ask(half)))
            except RequestError as error:
                if not _has_too_many_rows(error):
                    raise
                parts += self._halves(places[rows], half)
        return parts

    def _table(
        self,
        chunk: Chunk,
        prices: Mapping[str, npt.NDArray[np.float64]],
        flags: npt.NDArray[np.int32],
        errors: Mapping[int, str],
    ) -> pa.Table:
        n = chunk.row_count
        columns: dict[str, Any] = {"record_id": chunk.carried.column("record_id")}
        columns |= {name: decimals(values, self._kind) for name, values in prices.items()}
        columns["flags"] = pa.array(flags)
        columns["error"] = pa.array([errors.get(place) for place in range(n)], pa.string())
        columns["model"] = pa.repeat(pa.scalar(self._model), n)
        kept = chunk.carried.column_names[1:]
        return pa.table(columns | {name: chunk.carried.column(name) for name in kept})


def _has_too_many_rows(error: Exception | None) -> bool:
    """True when fewer rows may be answered: a server that took another's place may have lower limits."""
    if isinstance(error, InvalidInput):
        return any(violation.reason == Reason.ROW_LIMIT_EXCEEDED for violation in error.violations)
    return isinstance(error, MessageTooLarge)


def take(columns: Arrays, rows: Rows) -> dict[str, npt.NDArray[np.float64] | CodedCategories]:
    """Return some rows of the columns."""
    return {name: column[rows] for name, column in columns.items()}
