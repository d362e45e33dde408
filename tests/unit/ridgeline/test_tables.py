"""CSV and Parquet through one reader."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ridgeline import missing
from ridgeline.tables import Columns, TableError, convert, read

FRAME = pd.DataFrame(
    {
        "size": [1.5, np.nan, 3.0],
        "count": pd.array([1, None, 3], dtype="Int64"),
        "brand": ["NA", None, "007"],
        "shop": [7.0, np.nan, 12.0],
        "sale": [True, False, True],
        "day": ["2026-01-01", "2026-01-02", "2026-01-03"],
    }
)
COLUMNS = Columns(numeric=["size", "count"], categorical=["brand", "shop", "sale"], other=["day"])


def written(frame: pd.DataFrame, directory: Path, form: str) -> Path:
    path = directory / f"table.{form}"
    if form == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet"])
def test_every_form_reads_alike(tmp_path: Path, form: str) -> None:
    table = read(written(FRAME, tmp_path, form), COLUMNS)
    np.testing.assert_array_equal(table.numeric["size"], [1.5, np.nan, 3.0])
    np.testing.assert_array_equal(table.numeric["count"], [1.0, np.nan, 3.0])
    assert table.categorical["brand"].values().tolist() == ["NA", "", "007"]
    assert table.categorical["shop"].values().tolist() == ["7", "", "12"]
    assert table.categorical["sale"].values().tolist() == ["true", "false", "true"]
    assert table.other["day"].to_pylist() == FRAME["day"].tolist()
    assert (table.row_count, table.first_row) == (3, 1 if form == "parquet" else 2)
    assert (table.bad_cells, table.missing_columns, table.duplicate_columns) == ((), [], [])
    assert all(array.dtype == np.float64 for array in table.numeric.values())


def test_bad_cells_are_counted_and_listed_with_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("size\n1\nx\n\n3\n" + "y\n" * 9)
    table = read(path, Columns(numeric=["size"]))
    [bad] = table.bad_cells
    assert (bad.column, bad.count, bad.found) == ("size", 10, ("x", "y", "y", "y", "y"))
    assert bad.rows.tolist() == [3, *range(6, 15)]
    np.testing.assert_array_equal(np.isnan(table.numeric["size"]), [False, True, True, False] + [True] * 9)


def test_rows_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('size,brand,note\n1,a,"two\nlines"\nx,b,\n')
    [bad] = read(path, Columns(numeric=["size"], categorical=["brand"], other=["note"])).bad_cells
    assert bad.rows.tolist() == [3]


def test_categories_with_line_breaks_in_a_csv_and_with_nul_anywhere_are_bad_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('size,brand\n1,a\n2,"two\nlines"\n3,b\0c\n')
    [bad] = read(path, Columns(["size"], ["brand"])).bad_cells
    assert (bad.rows.tolist(), bad.found) == ([3, 4], ("two\nlines", "b\0c"))
    assert "NUL or line breaks" in bad.expected
    table = convert(pa.table({"brand": ["b\0c", "two\nlines"]}), Columns(categorical=["brand"]), first_row=1)
    assert table.categorical["brand"].values().tolist() == ["", "two\nlines"]
    assert [(bad.rows.tolist(), bad.expected) for bad in table.bad_cells] == [
        ([1], "text without NUL, or a number")
    ]


@pytest.mark.parametrize(
    ("last_rows", "row"), [('97,"b1\n98,b\n99,b\n', 99), ('97,"b1\n98,b\n99,"b2"\n', 99), ('97,"b"1"\n', 99)]
)
@pytest.mark.parametrize("form", ["csv", "csv.gz"])
def test_a_quote_that_does_not_close_is_refused(tmp_path: Path, last_rows: str, row: int, form: str) -> None:
    path = tmp_path / f"t.{form}"
    text = ("c,d\n" + "".join(f'{i},"a ""good"" one"\n' for i in range(97)) + last_rows).encode()
    path.write_bytes(gzip.compress(text) if form == "csv.gz" else text)
    with pytest.raises(TableError, match=f"row {row}: a quoted cell does not end"):
        read(path, Columns(numeric=["c"], categorical=["d"]))


def test_quotes_inside_plain_cells_are_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('c\n15" disc\n"16"" disc"\n')
    assert read(path, Columns(categorical=["c"])).categorical["c"].values().tolist() == [
        '15" disc',
        '16" disc',
    ]


def test_a_quote_that_swallows_much_is_refused_at_its_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('c,d\n1,a\n2,"b\n' + "3,c\n" * 99_999)
    with pytest.raises(TableError, match="row 3: a quoted cell does not end"):
        read(path, Columns(numeric=["c"], categorical=["d"]))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_an_empty_line_is_a_missing_cell_in_one_column(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(newline.join(["c", "a", "", "b", "x", ""]).encode())
    table = read(path, Columns(categorical=["c"]))
    assert table.categorical["c"].values().tolist() == ["a", "", "b", "x"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_empty_lines_among_several_columns_are_refused_except_at_the_end(
    tmp_path: Path, newline: str
) -> None:
    path = tmp_path / "t.csv"
    columns = Columns(numeric=["d"], categorical=["c"])
    path.write_bytes(newline.join(["c,d", "a,1", "", "b,2", ",", "c,1,2", "", "", ""]).encode())
    with pytest.raises(TableError) as caught:
        read(path, columns)
    assert "1 lines are empty: row 3; remove them, or write" in str(caught.value)
    assert "1 rows do not fit the header of 2 columns: row 6 has 3 cells" in str(caught.value)
    path.write_bytes(newline.join(["c,d", "a,1", ",", "b,2", "", "", ""]).encode())
    table = read(path, columns)
    assert (table.categorical["c"].values().tolist(), table.row_count) == (["a", "", "b"], 3)


@pytest.mark.parametrize("text", ["nan(1)", "0x10", "1_0", "--1", "1 2"])
def test_numbers_that_only_some_parsers_take_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"a,b\n{text},1\n")
    assert [bad.found for bad in read(path, Columns(numeric=["a"])).bad_cells] == [(text,)]


def test_missing_tokens_at_both_files(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1.0, -999.0, 3.0], "c": ["a", "n/a", "-999"]})
    columns = Columns(numeric=["n"], categorical=["c"], missing_tokens=["n/a", "-999"])
    for form in ("csv", "parquet"):
        table = read(written(frame, tmp_path, form), columns)
        np.testing.assert_array_equal(table.numeric["n"], [1.0, np.nan, 3.0])
        assert table.categorical["c"].values().tolist() == ["a", "", ""]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_short_floats_are_what_they_are_written_as(tmp_path: Path, form: str) -> None:
    frame = pd.DataFrame({"n": [0.1, -99.9], "c": [0.1, -99.9]}, dtype="float32")
    table = read(written(frame, tmp_path, form), Columns(["n"], ["c"], missing_tokens=["-99.9"]))
    assert table.categorical["c"].values().tolist() == ["0.1", ""]
    np.testing.assert_array_equal(np.isnan(table.numeric["n"]), [False, True])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_a_byte_order_mark(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(delimiter.join("ab") + "\n" + delimiter.join("1x") + "\n", encoding="utf-8-sig")
    table = read(path, Columns(numeric=["a"], categorical=["b"]))
    assert (table.numeric["a"].tolist(), table.categorical["b"].values().tolist()) == ([1.0], ["x"])


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_missing_and_duplicate_columns(tmp_path: Path, form: str) -> None:
    path = tmp_path / "t"
    raw = pa.table([pa.array(["1"]), pa.array(["2"]), pa.array(["3"])], names=["a", "b", "a"])
    if form == "csv":
        path.write_text("a,b,a\n1,2,3\n")
    else:
        pq.write_table(raw, path)
    table = read(path, Columns(numeric=["a", "b"], categorical=["c"]))
    assert (table.missing_columns, table.duplicate_columns) == (["c"], ["a"])
    assert (list(table.numeric), list(table.categorical), table.row_count) == (["b"], [], 1)
    assert table.file_columns == ("a", "b", "a")


def test_columns_of_other_types_are_bad_cells() -> None:
    raw = pa.table({"when": pa.array([0, None], pa.timestamp("us")), "many": [[1], [2]]})
    table = convert(raw, Columns(numeric=["many"], categorical=["when"]), first_row=1)
    assert {bad.column: bad.count for bad in table.bad_cells} == {"many": 2, "when": 1}


def test_dictionaries_decimals_and_empty_columns() -> None:
    raw = pa.table(
        {
            "brand": pa.array(["b", None, "a"]).dictionary_encode(),
            "text": pa.array(["1", "2", ""]).dictionary_encode(),
            "cents": pa.array([Decimal(1), Decimal(2), None], pa.decimal128(12, 2)),
            "code": pa.array([Decimal(7), Decimal("0.1"), None], pa.decimal128(12, 2)),
            "nothing": pa.nulls(3),
        }
    )
    table = convert(raw, Columns(["text", "cents", "nothing"], ["brand", "code"]), first_row=1)
    assert table.categorical["code"].values().tolist() == ["7", "0.1", ""]
    assert table.categorical["brand"].values().tolist() == ["b", "", "a"]
    np.testing.assert_array_equal(table.numeric["text"], [1, 2, np.nan])
    np.testing.assert_array_equal(table.numeric["cents"], [1, 2, np.nan])
    assert np.isnan(table.numeric["nothing"]).all()
    empty = convert(raw.slice(0, 0), Columns(["text", "cents"], ["brand"]), first_row=1)
    assert (empty.row_count, empty.numeric["cents"].shape, empty.categorical["brand"].codes.shape) == (
        0,
        (0,),
        (0,),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the first line is empty"),
        (
            b"a,b\n1,2\n1,2,3\n1\n",
            r"2 rows do not fit the header of 2 columns: row 3 has 3 cells, row 4 has 1",
        ),
        (b"a\n\xff\xfe\n", "is not UTF-8"),
        (b"a\n" + b"1\n" * 99_999 + b"\xff\xfe\n", "is not UTF-8"),
        (b"PAR1garbage", "cannot be read as a table"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(TableError, match=message) as caught:
        read(path, Columns(numeric=["a"]))
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_or_not_gzip(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no such file"):
        read(tmp_path / "none.csv", COLUMNS)
    (tmp_path / "t.csv.gz").write_bytes(b"a,b\n1,2\n")
    with pytest.raises(TableError, match="cannot be read"):
        read(tmp_path / "t.csv.gz", COLUMNS)
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n" * 999)[:-20])
    with pytest.raises(TableError, match="cannot be read"):
        read(tmp_path / "cut.csv.gz", Columns(numeric=["a"]))


CELLS = st.one_of(
    st.sampled_from(
        ["", "nan", "NaN", "inf", "-Infinity", "1e5", "+3", " 4", "x", "1_0", "7.0", "True", "٣"]
    ),
    st.floats().map(repr),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=4),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CELLS, min_size=1, max_size=6))
def test_columns_follow_the_rule_for_single_values(tmp_path: Path, cells: list[str]) -> None:
    raw = pa.table({"cell": pa.array(cells, pa.string())})
    numeric = convert(raw, Columns(numeric=["cell"]), first_row=0)
    expected, bad = [], []
    for row, cell in enumerate(cells):
        try:
            expected.append(missing.number(cell))
        except ValueError:
            expected.append(np.nan)
            bad.append(row)
    np.testing.assert_array_equal(numeric.numeric["cell"], expected)
    assert [row for cell in numeric.bad_cells for row in cell.rows] == bad
    categorical = convert(raw, Columns(categorical=["cell"]), first_row=0)
    assert categorical.categorical["cell"].values().tolist() == [missing.category(cell) for cell in cells]
