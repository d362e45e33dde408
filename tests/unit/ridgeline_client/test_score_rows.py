"""What is wrong with a row does not depend on its neighbours, on limits, or on how often it is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridgeline.notices import NoticeKind
from ridgeline.reasons import Reason
from ridgeline.table_blocks import Block, Consumed
from ridgeline_client.errors import InvalidInput, MessageTooLarge, RidgelineError, Violation
from ridgeline_client.results import ChunkResult, PredictionBatch, RowError
from ridgeline_client.row_errors import UNKNOWN, row_errors
from ridgeline_client.score.columns import ColumnOptions, plan_columns
from ridgeline_client.score.errors import JobFailed, WrongTable
from ridgeline_client.score.prepare import Chunk, chunks
from ridgeline_client.score.rows import TOO_LARGE, RowMaker
from ridgeline_client.score.summary import SHOWN_BAD_ROWS, BadRow, Counts
from support.fake_pricing import batch, described, feature

MODEL = described(feature("ram"), feature("weight"), feature("brand", "categorical"))


def answered(violations: list[int], listed: int) -> PredictionBatch:
    """Rows with so many violations each (0: a price); the answer lists the first `listed` of them."""
    errors = [
        RowError(row, f"f{n}", 3, "R", f"f{n} is wrong in {count}")
        for row, count in enumerate(violations)
        for n in range(count)
    ]
    prices = [math.nan if count else 1.0 for count in violations]
    return batch(prices, errors[:listed], len(errors))


def alone(count: int) -> str:
    shown = "; ".join(f"f{n} is wrong in {count}" for n in range(min(count, 3)))
    return shown + (f"; and {count - 3} more" if count > 3 else "")


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(1, 12))
def test_every_refused_row_has_the_text_it_would_have_alone(violations: list[int], listed: int) -> None:
    """Also one that has more violations than an answer lists: those it does not spell out are counted."""
    texts = row_errors(
        answered(violations, listed), lambda rows: answered([violations[row] for row in rows], listed)
    )
    expected = {
        row: alone(count) for row, count in enumerate(violations) if count and min(count, 3) <= listed
    }
    assert {row: texts[row] for row in expected} == expected
    assert set(texts) == {row for row, count in enumerate(violations) if count}


def test_a_row_that_is_refused_without_a_reason_says_so() -> None:
    assert row_errors(batch([math.nan, 1.0]), lambda rows: batch([math.nan] * len(rows))) == {0: UNKNOWN}


def test_no_row_is_asked_for_again_when_all_violations_are_listed() -> None:
    def never(_rows: object) -> PredictionBatch:
        raise AssertionError

    assert row_errors(answered([0, 2, 4], 6), never) == {1: alone(2), 2: alone(4)}


def block(
    text: dict[str, list[str | None]], first_row: int = 0, unfit: dict[int, str] | None = None
) -> Block:
    return Block(
        first_row, pa.table({n: pa.array(c, pa.string()) for n, c in text.items()}), unfit or {}, DONE
    )


DONE = Consumed(10, "ab")
GOOD: dict[str, list[str | None]] = {
    "ram": ["1", "2", "3", "4"],
    "weight": ["1", "1", "1", "1"],
    "brand": ["a", "b", "a", ""],
}


def prepared(of: Block, *, text_only: bool = True, **options: Any) -> Chunk:
    plan = plan_columns(of.cells.column_names, MODEL, ColumnOptions(**options))
    (chunk,) = chunks(iter([of]), plan, text_only)
    return chunk


def test_wrong_cells_keep_their_row_back_and_are_all_told_up_to_three() -> None:
    wrong = {**GOOD, "ram": ["x" * 101, "2", "cheap", None], "weight": ["y", "1", "1", None]}
    wrong["brand"] = ["a\0b", "b", "a", None]
    chunk = prepared(block(wrong, unfit={3: "is an empty line"}))
    assert chunk.sent.tolist() == [1]
    assert chunk.problems == {
        0: f"ram: expected a number, got {'x' * 100 + '...'!r}; weight: expected a number, got 'y'; "
        "brand: expected text without NUL, or a number, got 'a\\x00b'",
        2: "ram: expected a number, got 'cheap'",
        3: "the row is an empty line",
    }
    assert [len(column) for column in chunk.columns.values()] == [1, 1, 1]


def test_more_than_three_wrong_cells_are_counted() -> None:
    model = described(*(feature(f"n{i}") for i in range(5)))
    of = block({f"n{i}": ["x"] for i in range(5)})
    (chunk,) = chunks(iter([of]), plan_columns(of.cells.column_names, model, ColumnOptions()), True)
    assert chunk.problems[0].endswith("n2: expected a number, got 'x'; and 2 more")


def test_rows_are_numbered_by_the_file_and_chunks_go_by_their_first_row() -> None:
    chunk = prepared(block(GOOD, first_row=40_000))
    assert chunk.carried.column("record_id").to_pylist() == ["40001", "40002", "40003", "40004"]
    assert chunk.first_row == 40_000


def test_record_ids_of_an_integer_column_with_gaps_are_integers() -> None:
    cells = pa.table(
        {"ram": [1.0, 2.0], "sku": pa.array([7.0, None]), "weight": [1.0, 1.0], "brand": ["a", "b"]}
    )
    chunk = prepared(Block(0, cells, {}, DONE), record_id="sku")
    assert chunk.carried.column("record_id").to_pylist() == ["7", ""]


def test_bytes_that_are_no_text_are_said_with_their_rows() -> None:
    offsets = pa.array([0, 1, 2], pa.int32()).buffers()[1]
    brand = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"a\xff")])
    cells = pa.table({"ram": [1.0, 2.0], "weight": [1.0, 1.0], "brand": brand})
    with pytest.raises(WrongTable, match="rows 5,001 to 5,002 of the input cannot be read .*UTF8"):
        prepared(Block(5_000, cells, {}, DONE))


def test_a_kept_column_that_is_no_text_is_refused_for_text_alone() -> None:
    cells = pa.table({"ram": [1.0], "weight": [1.0], "brand": ["a"], "tags": [["x"]]})
    assert prepared(Block(0, cells, {}, DONE), text_only=False, keep=True).carried.num_columns == 5
    with pytest.raises(WrongTable, match="column 'tags' of type list"):
        prepared(Block(0, cells, {}, DONE), keep=True)


class Server:
    """Prices `ram`; takes so many rows at a time; refuses texts that are too long even alone."""

    def __init__(self, most: int, error: Callable[[], RidgelineError]) -> None:
        self.most = most
        self.error = error

    def answer(self, columns: Any) -> PredictionBatch:
        ram = columns["ram"]
        if len(ram) > self.most or (ram == 3).any():
            raise self.error()
        return batch(ram + 100.0)


def too_large() -> RidgelineError:
    return MessageTooLarge("too large")


def too_many_rows() -> RidgelineError:
    return InvalidInput.listing([Violation("", "", None, Reason.ROW_LIMIT_EXCEEDED, "too many rows")])


def made(chunk: Chunk, server: Server) -> Any:
    try:
        result = ChunkResult(0, len(chunk.sent), server.answer(chunk.columns))
    except RidgelineError as error:
        result = ChunkResult(0, len(chunk.sent), None, error)
    return RowMaker(server.answer, "EUR", "1-d").rows(chunk, result)


@pytest.mark.parametrize("error", [too_large, too_many_rows])
@pytest.mark.parametrize("most", [1, 2, 4])
def test_rows_that_do_not_fit_together_are_asked_for_in_halves(
    most: int, error: Callable[[], RidgelineError]
) -> None:
    chunk = prepared(block({**GOOD, "ram": ["1", "cheap", "3", "4"]}))
    rows = made(chunk, Server(most, error))
    prices = [None if price is None else float(price) for price in rows.table.column("price").to_pylist()]
    assert prices == [101.0, None, None, 104.0]
    assert rows.errors == {1: "ram: expected a number, got 'cheap'", 2: TOO_LARGE}
    assert rows.flags.tolist() == [0, NoticeKind.ROW_ERROR.bit, NoticeKind.ROW_ERROR.bit, 0]
    assert rows.table.column("error").to_pylist() == [None, *rows.errors.values(), None]
    assert set(rows.table.column("model").to_pylist()) == {"1-d"}


def test_a_chunk_that_is_refused_for_another_reason_ends_the_job() -> None:
    violation = Violation("", "", None, Reason.UNKNOWN_FEATURE, "what is ram?")
    chunk = prepared(block(GOOD))
    with pytest.raises(InvalidInput, match="what is ram"):
        made(chunk, Server(0, lambda: InvalidInput.listing([violation])))


def test_another_number_of_rows_is_never_taken_for_an_answer() -> None:
    chunk = prepared(block(GOOD))
    with pytest.raises(JobFailed, match="answered 3 rows for 4"):
        RowMaker(lambda _columns: batch([]), "EUR", "m").rows(
            chunk, ChunkResult(0, 4, batch([1.0, 2.0, 3.0]))
        )


def bad_rows(count: int) -> Iterator[Chunk]:
    for first in range(0, count, 4):
        yield prepared(block({**GOOD, "ram": ["1", "x", "4", "y"]}, first_row=first))


def test_counts_add_up_over_chunks_and_keep_the_first_bad_rows() -> None:
    counts = Counts()
    server = Server(4, too_large)
    for chunk in bad_rows(20):
        counts = counts.plus(made(chunk, server), first_row_number=2)
    assert counts.priced == 10
    assert counts.rows_by_kind == {"ROW_ERROR": 10}
    assert [bad.row for bad in counts.bad_rows] == [3, 5, 7, 9, 11]
    assert len(counts.bad_rows) == SHOWN_BAD_ROWS
    assert counts.bad_rows[0] == BadRow(3, "ram: expected a number, got 'x'")


def test_counts_do_not_depend_on_which_rows_came_together() -> None:
    answer = batch([1.0, math.nan, 2.0, math.nan])
    whole = prepared(block(GOOD))
    maker = RowMaker(lambda rows: batch([math.nan] * len(rows["ram"])), "EUR", "m")
    at_once = Counts().plus(maker.rows(whole, ChunkResult(0, 4, answer)), 1)
    one_by_one = Counts()
    for row in range(4):
        cells = {name: [column[row]] for name, column in GOOD.items()}
        result = ChunkResult(0, 1, batch(np.asarray(answer.price)[row : row + 1]))
        one_by_one = one_by_one.plus(maker.rows(prepared(block(cells, first_row=row)), result), 1)
    assert at_once == one_by_one
    assert at_once.notices == {"ROW_ERROR": {"": 2}}
