"""Blocks of a Parquet file, from a path and from a pipe."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ridgeline.table_blocks import open_blocks
from ridgeline.tables import TableError

TABLE = pa.table(
    {
        "id": pa.array(range(1000)),
        "name": pa.array([None if i % 7 == 0 else f"n{i % 5}" for i in range(1000)]).dictionary_encode(),
        "weight": pa.array([0.5] * 1000),
    }
)


class Pipe(io.BytesIO):
    """A stream that cannot seek."""

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0) -> int:
        raise OSError("not seekable")


@pytest.fixture(params=["path", "pipe"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def stored(table: pa.Table, directory: Path, form: str, row_group_size: int = 300) -> Path | BinaryIO:
    path = directory / "t.parquet"
    pq.write_table(table, path, row_group_size=row_group_size)
    return path if form == "path" else Pipe(path.read_bytes())


@pytest.mark.parametrize("row_group_size", [1, 130, 300, 1000])
@pytest.mark.parametrize("skip", [0, 1, 299, 300, 950, 999, 1000, 2000])
def test_blocks_do_not_follow_row_groups(tmp_path: Path, form: str, row_group_size: int, skip: int) -> None:
    source = stored(TABLE, tmp_path, form, row_group_size)
    with open_blocks(source, ["id"]) as reader:
        blocks = list(reader.blocks(["name", "id"], 170, skip))
    starts = list(range(skip, 1000, 170))
    assert [block.first_row for block in blocks] == starts
    assert [block.cells.num_rows for block in blocks] == [min(170, 1000 - start) for start in starts]
    read = pa.concat_tables([TABLE.select(["name", "id"]).slice(0, 0), *(block.cells for block in blocks)])
    assert read.to_pydict() == TABLE.select(["name", "id"]).slice(skip).to_pydict()


def test_a_reader_tells_what_the_file_is(tmp_path: Path, form: str) -> None:
    with open_blocks(stored(TABLE, tmp_path, form), []) as reader:
        assert (reader.kind, reader.names, reader.first_row_number) == (
            "parquet",
            ("id", "name", "weight"),
            1,
        )
        assert reader.row_count == 1000
        assert reader.size == (None if form == "pipe" else (tmp_path / "t.parquet").stat().st_size)


def test_the_whole_file_is_consumed_from_the_first_block_on(tmp_path: Path, form: str) -> None:
    with open_blocks(stored(TABLE, tmp_path, form), []) as reader:
        blocks = list(reader.blocks(["id"], 600))
    content = (tmp_path / "t.parquet").read_bytes()
    assert {(block.consumed.size, block.consumed.sha256) for block in blocks} == {
        (len(content), hashlib.sha256(content).hexdigest())
    }
    assert [block.unfit for block in blocks] == [{}, {}]


def test_no_rows_give_no_blocks(tmp_path: Path, form: str) -> None:
    with open_blocks(stored(TABLE.slice(0, 0), tmp_path, form), []) as reader:
        assert list(reader.blocks(["id"], 10)) == []


def test_columns_keep_the_order_asked_for(tmp_path: Path, form: str) -> None:
    with open_blocks(stored(TABLE, tmp_path, form), []) as reader:
        [block] = reader.blocks(["weight", "id"], 1000)
    assert block.cells.column_names == ["weight", "id"]


def test_a_name_with_a_dot_is_a_name(tmp_path: Path, form: str) -> None:
    table = pa.table({"a": pa.array([{"b": 1}]), "a.b": pa.array([2])})
    with open_blocks(stored(table, tmp_path, form), []) as reader:
        [block] = reader.blocks(["a.b"], 10)
    assert block.cells.to_pydict() == {"a.b": [2]}


def test_a_corrupt_file_is_refused(tmp_path: Path, form: str) -> None:
    stored(TABLE, tmp_path, form)
    path = tmp_path / "t.parquet"
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    for damaged in (bytes(content), bytes(content[:-30])):
        path.write_bytes(damaged)
        source = path if form == "path" else Pipe(damaged)
        name = path if form == "path" else "standard input"
        with pytest.raises(TableError, match=f"{name}: cannot be read as a table"):
            with open_blocks(source, []) as reader:
                list(reader.blocks(["id", "name"], 100))


def test_a_file_that_grows_before_it_is_read_is_refused(tmp_path: Path) -> None:
    source = stored(TABLE, tmp_path, "path")
    with open_blocks(source, []) as reader:
        with (tmp_path / "t.parquet").open("ab") as file:
            file.write(b"more")
        with pytest.raises(TableError, match="changed while it was read"):
            next(reader.blocks(["id"], 100))
