"""A CSV in blocks is what Python's reader reads, row for row, wherever blocks and reads are cut."""

from __future__ import annotations

import csv
import io

from hypothesis import event, given, settings
from hypothesis import strategies as st

from ridgeline.table_blocks import PlainNumbers, open_blocks
from ridgeline.tables import Columns, TableError, convert

READS = st.sampled_from([1, 2, 3, 7, 50, 1 << 20])
ROWS = st.integers(1, 9)
CELLS = st.one_of(
    st.text(alphabet=st.sampled_from(list('a",;\t|\n\r é\ufeff')), max_size=5),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=5),
)
# Any text at all: quotes where they do not belong, empty lines, rows too long and too short.
TANGLES = st.text(alphabet=st.sampled_from(list('aab",,\n\n\r')), max_size=40)


def read_back(
    content: bytes, names: list[str], read_bytes: int, rows: int, skip: int = 0
) -> list[list[str] | None]:
    """All rows, None for a row that does not fit."""
    found: list[list[str] | None] = []
    with open_blocks(io.BytesIO(content), names, read_bytes=read_bytes) as reader:
        assert reader.names == tuple(names)
        sizes = []
        for block in reader.blocks(names, rows, skip):
            assert block.first_row == skip + len(found)
            cells = zip(*(column.to_pylist() for column in block.cells.columns), strict=True)
            found += [None if i in block.unfit else list(row) for i, row in enumerate(cells)]
            sizes.append(block.cells.num_rows)
    assert all(size == rows for size in sizes[:-1])
    assert all(0 < size <= rows for size in sizes)
    return found


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(1, 4))
    return draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=12))


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """A table as the writer writes it, and its delimiter."""
    table = draw(tables())
    # A single name tells nothing of the delimiter: it is taken for a comma.
    delimiter = draw(st.sampled_from(",;\t|" if len(table[0]) > 1 else ","))
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=delimiter,
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
    )
    writer.writerows([[f"c{i}" for i in range(len(table[0]))], *table])
    return text.getvalue(), delimiter


def rows_of(text: str, width: int, delimiter: str = ",") -> list[list[str]]:
    """The rows by Python's reader; empty lines by the house rule."""
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    if width == 1:
        return [row or [""] for row in rows]
    while rows and not rows[-1]:
        rows.pop()
    return rows


@settings(deadline=None, max_examples=300)
@given(form=written(), read_bytes=READS, rows=ROWS, skip=st.integers(0, 13))
def test_what_the_writer_writes_is_read_in_blocks_of_any_size(
    form: tuple[str, str], read_bytes: int, rows: int, skip: int
) -> None:
    text, delimiter = form
    names = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    _, *expected = rows_of(text, len(names), delimiter)
    # The writer leaves bare the line breaks that are not its own: then rows do not fit for Python either.
    fit = [row if len(row) == len(names) else None for row in expected]
    assert read_back(text.encode(), names, read_bytes, rows, skip) == fit[skip:]


@settings(deadline=None, max_examples=500)
@given(tangle=TANGLES, width=st.integers(1, 3), read_bytes=READS, rows=ROWS)
def test_no_text_shifts_a_row(tangle: str, width: int, read_bytes: int, rows: int) -> None:
    names = ["a", "b", "c"][:width]
    expected = rows_of(tangle, width)
    try:
        found = read_back(f"{','.join(names)}\n{tangle}".encode(), names, read_bytes, rows)
    except TableError:
        event("refused")
        assert not is_strict(tangle)
        return
    event("read")
    assert len(found) == len(expected)
    for row, right in zip(found, expected, strict=True):
        assert row == right if row is not None else len(right) != width or not is_strict(tangle)


def is_strict(text: str) -> bool:
    """Whether each quoted cell ends before a delimiter or a line break."""
    try:
        list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return False
    return True


NUMBER_TEXTS = st.one_of(
    st.sampled_from(["", "1", "-0.0", " 2 ", "+3", "1e400", "inf", "-Infinity", "nan", "NaN", "nan(1)"]),
    st.sampled_from(["n/a", "-999", "-999.0", "1_0", "0x1p3", "1,5", "1.", ".5", "1d3", "true", "é", " "]),
    st.floats().map(repr),
    st.integers().map(str),
)


@given(cells=st.lists(NUMBER_TEXTS, min_size=1, max_size=12), rows=ROWS, read_bytes=READS)
@settings(max_examples=500, deadline=None)
def test_plain_numbers_are_what_the_missing_rule_makes_of_their_texts(
    cells: list[str], rows: int, read_bytes: int
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([["a", "b"], *([cell, "x"] for cell in cells)])
    content = text.getvalue().encode()
    declared = Columns(numeric=["a"], missing_tokens=["n/a", "-999"])

    def converted(plain: PlainNumbers) -> tuple[list[str], list[int]]:
        numbers, bad = [], []
        with open_blocks(io.BytesIO(content), ["a"], read_bytes=read_bytes) as reader:
            for block in reader.blocks(["a", "b"], rows, plain=plain):
                event(str(block.cells.column("a").type))
                table = convert(block.cells, declared, first_row=block.first_row)
                numbers += [repr(number) for number in table.numeric["a"].tolist()]
                bad += [int(row) for cells in table.bad_cells for row in cells.rows]
        return numbers, bad

    assert converted(PlainNumbers(["a"], ["n/a", "-999"])) == converted(PlainNumbers())
