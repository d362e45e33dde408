"""Blocks of a CSV: which rows are where, which do not fit, what is refused."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ridgeline import block_reader, csv_records
from ridgeline.csv_blocks import Parser
from ridgeline.csv_cells import Header, MalformedCsv
from ridgeline.table_blocks import Block, PlainNumbers, open_blocks, prefix_sha256
from ridgeline.tables import Columns, TableError, read

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": gzip.compress,
    "gzip in two members": lambda data: gzip.compress(data[:999]) + gzip.compress(data[999:]),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: bytes(pa.compress(data, "zstd", asbytes=True)),
    "lz4": lambda data: bytes(pa.compress(data, "lz4", asbytes=True)),
}
NUMBERED = b"id,name\n" + b"".join(b"%d,n%d\n" % (i, i) for i in range(1000))


def blocks_of(content: bytes, columns: list[str], rows: int = 100, **options: int) -> list[Block]:
    with open_blocks(io.BytesIO(content), columns, **options) as reader:
        return list(reader.blocks(columns, rows))


def block_of(content: bytes, columns: list[str]) -> Block:
    [block] = blocks_of(content, columns)
    return block


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("read_bytes", [17, 1 << 20])
def test_blocks_have_exactly_the_rows_asked_for_but_the_last(compression: str, read_bytes: int) -> None:
    blocks = blocks_of(COMPRESSIONS[compression](NUMBERED), ["id"], 300, read_bytes=read_bytes)
    assert [(block.first_row, block.cells.num_rows) for block in blocks] == [
        (0, 300),
        (300, 300),
        (600, 300),
        (900, 100),
    ]
    ids = [text for block in blocks for text in block.cells["id"].to_pylist()]
    assert ids == [str(i) for i in range(1000)]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_what_was_consumed_is_a_hashed_prefix_that_has_the_rows(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "t"
    path.write_bytes(COMPRESSIONS[compression](NUMBERED))
    with open_blocks(path, ["id"], read_bytes=64) as reader:
        assert reader.size == path.stat().st_size
        blocks = list(reader.blocks(["id"], 300))
    assert [prefix_sha256(path, block.consumed.size) for block in blocks] == [
        block.consumed.sha256 for block in blocks
    ]
    assert blocks[-1].consumed.size == path.stat().st_size
    assert blocks[-1].consumed.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    if compression == "none":
        first = path.read_bytes()[: blocks[0].consumed.size]
        assert b"299,n299\n" in first
        assert len(first) < 5000


def test_rows_are_passed_over_from_the_beginning() -> None:
    with open_blocks(io.BytesIO(NUMBERED), ["id"], read_bytes=50) as reader:
        blocks = list(reader.blocks(["id"], 300, skip=650))
    assert [(block.first_row, block.cells["id"][0].as_py()) for block in blocks] == [
        (650, "650"),
        (950, "950"),
    ]


def test_a_reader_tells_what_the_file_is() -> None:
    with open_blocks(io.BytesIO(b"\xef\xbb\xbfa;b;a\n1;2;3\n"), ["b"]) as reader:
        assert (reader.kind, reader.names, reader.first_row_number) == ("csv", ("a", "b", "a"), 2)
        assert (reader.row_count, reader.size) == (None, None)
        assert [block.cells.to_pydict() for block in reader.blocks(["b"], 5)] == [{"b": ["2"]}]


@pytest.mark.parametrize("columns", [["a"], ["c"]])
def test_columns_must_be_there_once(columns: list[str]) -> None:
    with open_blocks(io.BytesIO(b"a,b,a\n1,2,3\n"), ["b"]) as reader:
        with pytest.raises(ValueError, match="exactly once"):
            reader.blocks(columns, 5)


@pytest.mark.parametrize(("rows", "skip"), [(0, 0), (1, -1)])
def test_numbers_of_rows_must_make_sense(rows: int, skip: int) -> None:
    with open_blocks(io.BytesIO(b"a\n1\n"), ["a"]) as reader:
        with pytest.raises(ValueError, match="rows must be positive"):
            reader.blocks(["a"], rows, skip)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"1,2,3", "has 3 cells, the header has 2"),
        (b"1", "has 1 cells, the header has 2"),
        (b"", "is an empty line"),
        (b"\xff,2", "is not UTF-8"),
        (b'"1"x,2', "has text after the closing quote of a cell"),
    ],
)
@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_a_row_that_does_not_fit_hurts_only_itself(row: bytes, reason: str, newline: bytes) -> None:
    block = block_of(newline.join([b"a,b", "é,1".encode(), row, b'"x\ny",', row, b"z,3"]), ["b", "a"])
    assert block.cells.to_pydict() == {"b": ["1", None, "", None, "3"], "a": ["é", None, "x\ny", None, "z"]}
    assert block.unfit == {1: reason, 3: reason}


@pytest.mark.parametrize("row", [b"1,2,3", b"", b"\xff,2"])
def test_blocks_without_a_row_that_fits(row: bytes) -> None:
    block = block_of(b"a,b\n" + row + b"\n" + row + b"\n1\n", ["a"])
    assert (block.cells.to_pydict(), len(block.unfit)) == ({"a": [None] * 3}, 3)
    assert block.cells.schema.field("a").type == pa.string()


def test_columns_that_nobody_wants_may_hold_anything() -> None:
    block = block_of(b"a,b\n1,\xff\n", ["a"])
    assert (block.cells.to_pydict(), block.unfit) == ({"a": ["1"]}, {})


@pytest.mark.parametrize("read_bytes", [1, 1 << 20])
def test_empty_lines_at_the_end_are_no_rows_among_several_columns(read_bytes: int) -> None:
    [block] = blocks_of(b"a,b\n1,2\n\n3,4\n\n\r\n\n", ["a"], read_bytes=read_bytes)
    assert (block.cells["a"].to_pylist(), block.unfit) == (["1", None, "3"], {1: "is an empty line"})
    assert blocks_of(b"a,b\n\n\n", ["a"], read_bytes=read_bytes) == []


@pytest.mark.parametrize("read_bytes", [1, 1 << 20])
def test_an_empty_line_is_a_missing_cell_in_one_column(read_bytes: int) -> None:
    [block] = blocks_of(b"a\n1\n\n3\n\n", ["a"], read_bytes=read_bytes)
    assert (block.cells["a"].to_pylist(), block.unfit) == (["1", "", "3", ""], {})


def test_quotes_inside_plain_cells_are_text() -> None:
    block = block_of(b'a,b\n15" disc,1\n"16"" disc",2\na"b"c,3\n', ["a"])
    assert block.cells["a"].to_pylist() == ['15" disc', '16" disc', 'a"b"c']


def test_a_byte_order_mark_inside_the_file_is_text() -> None:
    blocks = blocks_of("a\nx\n\ufeffy\n".encode(), ["a"], rows=1)
    assert [block.cells["a"].to_pylist() for block in blocks] == [["x"], ["\ufeffy"]]


@pytest.mark.parametrize("content", [b"a,b", b"a,b\n", b"a\r"])
def test_a_header_alone_gives_no_blocks(content: bytes) -> None:
    assert blocks_of(content, ["a"]) == []


@pytest.mark.parametrize("last_rows", ['97,"b1\n98,b\n99,b\n', '97,"b1\n98,b\n99,"b2"\n', '97,"b1'])
@pytest.mark.parametrize("read_bytes", [100, 1 << 20])
def test_a_quote_that_does_not_close_is_refused_at_its_row(last_rows: str, read_bytes: int) -> None:
    text = "c,d\n" + "".join(f'{i},"a ""good"" one"\n' for i in range(97)) + last_rows
    with pytest.raises(TableError, match="standard input: row 99: a quoted cell does not end"):
        blocks_of(text.encode(), ["c"], rows=10, read_bytes=read_bytes)


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "MAX_RECORD_BYTES", 1 << 20)


def test_rows_before_a_quote_that_does_not_close_are_given(small_limit: None) -> None:
    with open_blocks(io.BytesIO(b'a\n1\n2\n3\n"4\n' + b"5\n" * 900_000), ["a"]) as reader:
        blocks = reader.blocks(["a"], 2)
        assert next(blocks).cells["a"].to_pylist() == ["1", "2"]
        with pytest.raises(TableError, match="row 5: a quoted cell does not end"):
            next(blocks)


def test_what_never_breaks_a_line_is_refused(small_limit: None) -> None:
    with pytest.raises(TableError, match="row 3 does not end within 1 MiB"):
        blocks_of(b"a\n1\n" + b"2" * (2 << 20), ["a"])
    with pytest.raises(TableError, match="the first line does not end"):
        blocks_of(b"2" * (2 << 20), ["a"])


def test_rows_that_take_too_much_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_reader, "MAX_GROUP_BYTES", 1 << 20)
    content = b"a\n" + (b"x" * 9_999 + b"\n") * 500
    assert len(blocks_of(content, ["a"], rows=100)) == 5
    with pytest.raises(TableError, match="rows take more than 1 MiB"):
        blocks_of(content, ["a"], rows=200)


def test_rows_that_pyarrow_counts_otherwise_are_refused() -> None:
    one = csv_records.Records(b"1\n2\n", np.array([0, 4]), np.array([False]))
    with pytest.raises(MalformedCsv, match="rows 7 to 7 cannot be told apart: 1 records end there, 2 were"):
        Parser(Header(["a"], ","), ["a"], PlainNumbers()).parse(one, first_number=7)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the first line is empty; it must hold the column names"),
        (b"\n1\n", "the first line is empty"),
        ("a,b\n1,2\n".encode("utf-16"), "is not UTF-8; save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-le"), "is not UTF-8; save it as UTF-8"),
        (b'"a\nb",c\n1,2\n', "the first line ends inside a quoted name"),
        (b"PAR1 garbage", "cannot be read as a table"),
        *(
            (pack(NUMBERED * 9)[:-20], "cannot be read as a table")
            for pack in list(COMPRESSIONS.values())[1:]
        ),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(TableError, match=message) as caught:
        with open_blocks(path, ["a"]) as reader:
            list(reader.blocks(["id"], 100))
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(TableError, match="standard input: "):
        blocks_of(content, ["id"])


def test_headers_are_refused_alike_by_both_readers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for content in [b'"a\nb",c\n1,2\n', "a,b\n1,2\n".encode("utf-16-le")]:
        path.write_bytes(content)
        with pytest.raises(TableError) as whole:
            read(path, Columns(["a"]))
        with pytest.raises(TableError) as in_blocks:
            open_blocks(path, ["a"])
        assert str(whole.value) == str(in_blocks.value)


def test_a_directory_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="none.csv: no such file"):
        open_blocks(tmp_path / "none.csv", [])
    with pytest.raises(TableError, match="cannot be read as a table .*directory"):
        open_blocks(tmp_path, [])


@pytest.mark.parametrize("rows", [0, 19_000, 21_000])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, compression: str, rows: int) -> None:
    path = tmp_path / "t.csv"
    lines = [hashlib.sha256(b"%d" % i).hexdigest().encode() for i in range(21_000)]
    path.write_bytes(COMPRESSIONS[compression](b"\n".join([b"id", *lines[:20_000], b""])))
    with open_blocks(path, ["id"], read_bytes=5000) as reader:
        path.write_bytes(COMPRESSIONS[compression](b"\n".join([b"id", *lines[:rows], b""])))
        with pytest.raises(TableError, match=r"t.csv: changed while it was read \(had \d+ bytes, now \d+\)"):
            list(reader.blocks(["id"], 1000))


def test_a_prefix_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"abc")
    assert prefix_sha256(path, 2) == hashlib.sha256(b"ab").hexdigest()
    assert prefix_sha256(path, 0) == hashlib.sha256(b"").hexdigest()
    with pytest.raises(TableError, match="has 3 bytes, expected at least 4"):
        prefix_sha256(path, 4)
    with pytest.raises(TableError, match="no such file"):
        prefix_sha256(tmp_path / "none", 4)


def test_a_stream_stays_open_for_its_owner() -> None:
    stream = io.BytesIO(NUMBERED)
    with open_blocks(stream, ["id"]):
        pass
    assert not stream.closed


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_path_may_lead_to_a_pipe(compression: str) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(COMPRESSIONS[compression](NUMBERED))
    with open_blocks(Path(f"/dev/fd/{reading}"), ["id"]) as reader:
        os.close(reading)
        assert reader.size is None
        [block] = reader.blocks(["id"], 1000)
    assert block.cells.num_rows == 1000
