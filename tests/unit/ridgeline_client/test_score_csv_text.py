"""CSV rows against Python's csv module."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridgeline_client.score import csv_text

TEXTS = st.one_of(st.none(), st.text(st.sampled_from('a",;\n\r \té€😀\0'), max_size=6), st.text(max_size=4))
ROWS = st.lists(st.tuples(TEXTS, TEXTS, st.none() | st.integers(-(2**31), 2**31 - 1)), max_size=12)
TYPES = pa.schema([("a", pa.string()), ("b", pa.string()), ("n", pa.int32())])


def table(rows: Sequence[tuple[str | None, str | None, int | None]]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip("abn", row, strict=True)) for row in rows], TYPES)


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


@given(ROWS)
def test_the_csv_module_reads_back_every_cell(rows: list[tuple[str | None, str | None, int | None]]) -> None:
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    assert read(csv_text.lines(table(rows))) == cells


@given(ROWS, st.data())
def test_lines_do_not_depend_on_how_the_rows_are_cut(
    rows: list[tuple[str | None, str | None, int | None]], data: st.DataObject
) -> None:
    whole = table(rows)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    pairs = list(zip([0, *cuts], [*cuts, len(rows)], strict=True))
    parts = [whole.slice(start, end - start) for start, end in pairs]
    assert b"".join(map(csv_text.lines, parts)) == csv_text.lines(whole)
    assert csv_text.lines(pa.concat_tables(parts)) == csv_text.lines(whole)


def test_a_large_table_is_written_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(f"text {n}", None, n) for n in range(100)]
    whole = csv_text.lines(table(rows))
    pieces: list[int] = []
    monkeypatch.setattr(csv_text, "_PIECE_BYTES", 300)
    monkeypatch.setattr(csv_text, "_lines", lambda piece, real=csv_text._lines: _counted(piece, real, pieces))
    assert csv_text.lines(table(rows)) == whole
    assert len(pieces) > 3
    assert sum(pieces) == 100


def _counted(piece: pa.Table, real: object, pieces: list[int]) -> bytes:
    pieces.append(piece.num_rows)
    assert callable(real)
    made: bytes = real(piece)
    return made


@given(st.lists(st.text(st.sampled_from('a",\n é'), max_size=5), min_size=2))
def test_the_header_has_every_name(names: list[str]) -> None:
    assert read(csv_text.header(names)) == [names]


def test_quotes_stand_only_where_a_cell_needs_them() -> None:
    rows = [("plain text", "a,b", 1), ('say "hi"', None, None)]
    assert csv_text.lines(table(rows)) == b'plain text,"a,b",1\n"say ""hi""",,\n'


@pytest.mark.parametrize("scale", [2, 4, 5, 6])
def test_small_decimals_are_written_without_exponents(scale: int) -> None:
    unit = Decimal(1).scaleb(-scale)
    prices = pa.array([unit, -unit, 0 * unit, None], pa.decimal128(18, scale))
    zeros = "0" * (scale - 1)
    expected = f"0.{zeros}1\n-0.{zeros}1\n0.{zeros}0\n\n"
    assert csv_text.lines(pa.table({"price": prices})) == expected.encode()


def test_no_rows_are_no_bytes() -> None:
    assert csv_text.lines(table([])) == b""
