from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ridgeline import missing
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import convert
from ridgeline_client.errors import InvalidInput
from ridgeline_client.schema import Kind, Schema
from ridgeline_client.table import Columns, Precision, RowKeys, Table

NO_KEYS = RowKeys()
NO_TIMES: Any = ["now"]
KINDS: dict[str, Kind] = {
    "ram": "numeric",
    "weight": "numeric",
    "brand": "categorical",
    "shelf": "categorical",
}
TOKENS = frozenset({"n/a", "-999", "7.0"})
SCHEMA = Schema(KINDS, frozenset({"n/a"}), max_rows=0, max_message_bytes=0)

NUMBERS = st.one_of(
    st.none(), st.floats(), st.integers(-(2**53), 2**53), st.sampled_from(["1.5", "", "n/a", "-999", -999])
)
CATEGORIES = st.one_of(
    st.none(), st.text(max_size=5), st.integers(0, 9), st.sampled_from(["n/a", 7.0, "7.0", "007", "7", -999])
)
ROWS = st.lists(
    st.fixed_dictionaries({"ram": NUMBERS, "weight": NUMBERS, "brand": CATEGORIES, "shelf": CATEGORIES}),
    min_size=1,
)


def record_batch(
    columns: Columns, schema: Schema, keys: RowKeys = NO_KEYS, dtype: Precision = "float64"
) -> pb.RecordBatch:
    table = Table(columns, keys)
    return pb.RecordBatch.FromString(b"".join(table.batch(schema, dtype).parts(table.row_count)))


def as_the_server_reads(row: dict[str, float | str]) -> dict[str, float | str]:
    """The server applies the model's missing tokens to whatever it gets."""
    return {
        name: missing.number(value, TOKENS) if KINDS[name] == "numeric" else missing.category(value, TOKENS)
        for name, value in row.items()
    }


def rows_of(batch: pb.RecordBatch) -> list[dict[str, float | str]]:
    """Read a batch the way a reader of the contract would."""
    width = len(batch.numeric.names)
    cells = batch.numeric.double_values.values or batch.numeric.float_values.values
    rows: list[dict[str, float | str]] = []
    for row in range(batch.row_count):
        found: dict[str, float | str] = dict(
            zip(batch.numeric.names, cells[row * width : (row + 1) * width], strict=True)
        )
        for column in batch.categorical:
            code = column.codes[row]
            found[column.name] = "" if code == 0 else column.dictionary[code - 1]
        rows.append(found)
    return rows


def expected(row: dict[str, Any]) -> dict[str, float | str]:
    return {
        name: missing.number(value, TOKENS) if KINDS[name] == "numeric" else missing.category(value, TOKENS)
        for name, value in row.items()
    }


def same(left: Any, right: Any) -> bool:
    return left == right or (isinstance(left, float) and math.isnan(left) and math.isnan(right))


@settings(deadline=None)
@given(ROWS)
def test_a_table_of_columns_comes_back_row_by_row(rows: list[dict[str, Any]]) -> None:
    columns = {name: [row[name] for row in rows] for name in KINDS}
    found = rows_of(record_batch(columns, SCHEMA))
    assert len(found) == len(rows)
    for got, row in zip(found, rows, strict=True):
        wanted = expected(row)
        assert got.keys() == wanted.keys()
        read = as_the_server_reads(got)
        assert all(same(read[name], wanted[name]) for name in wanted), (read, wanted)


@settings(deadline=None)
@given(ROWS)
def test_one_record_says_what_its_row_of_a_batch_says(rows: list[dict[str, Any]]) -> None:
    columns = {name: [row[name] for row in rows] for name in KINDS}
    for row, in_batch in zip(rows, rows_of(record_batch(columns, SCHEMA)), strict=True):
        record = convert.record(row, SCHEMA)
        alone: dict[str, float | str] = {**record.numeric, **record.categorical}
        assert alone.keys() == in_batch.keys()
        assert all(same(alone[name], in_batch[name]) for name in alone)


def test_a_frame_with_gaps_integers_and_text_is_sent_like_its_columns() -> None:
    frame = pd.DataFrame(
        {
            "ram": pd.array([8, None, 16], dtype="Int64"),
            "weight": [150, np.nan, 170.5],
            "brand": ["NA", None, "007"],
            "shelf": [7, np.nan, 8],
        },
        index=[10, 20, 30],
    )
    rows = rows_of(record_batch(frame, SCHEMA))
    assert [row["brand"] for row in rows] == ["NA", "", "007"]
    assert [row["shelf"] for row in rows] == ["7", "", "8"]
    np.testing.assert_array_equal([row["ram"] for row in rows], [8.0, np.nan, 16.0])
    np.testing.assert_array_equal([row["weight"] for row in rows], [150.0, np.nan, 170.5])


def test_single_precision_is_sent_as_floats() -> None:
    batch = record_batch({"ram": [0.1, None]}, SCHEMA, dtype="float32")
    assert batch.numeric.WhichOneof("values") == "float_values"
    assert batch.numeric.float_values.values[0] == float(np.float32(0.1))
    assert math.isnan(batch.numeric.float_values.values[1])


def test_what_does_not_fit_single_precision_is_said() -> None:
    with pytest.raises(InvalidInput, match=r"row 1, ram: 1e\+39 does not fit"):
        record_batch({"ram": [0.1, 1e39]}, SCHEMA, dtype="float32")


def test_packing_equals_what_protobuf_itself_would_send() -> None:
    batch = record_batch({"ram": [1.5, 2.0], "weight": [3.0, 4.0]}, SCHEMA)
    plain = pb.NumericColumns(
        names=["ram", "weight"], double_values=pb.DoubleMatrix(values=[1.5, 3.0, 2.0, 4.0])
    )
    assert batch.numeric == plain


def test_row_keys_are_sent() -> None:
    keys = RowKeys([7.0, "b", None], [datetime(2026, 1, 1, tzinfo=UTC), None, datetime(2026, 1, 2)])  # noqa: DTZ001 - no zone means UTC
    batch = record_batch({"ram": [1, 2, 3]}, SCHEMA, keys)
    assert list(batch.record_ids) == ["7", "b", ""]
    assert list(batch.event_times_us) == [1_767_225_600_000_000, 0, 1_767_312_000_000_000]


def test_names_the_model_does_not_know_are_sent_so_that_the_server_names_them() -> None:
    record = convert.record({"new": 5, "words": "x", "when": datetime.now(UTC), "gap": None}, SCHEMA)
    assert dict(record.categorical) == {"words": "x"}
    assert record.numeric["new"] == 5
    assert math.isnan(record.numeric["when"])
    assert math.isnan(record.numeric["gap"])
    columns = {
        "new": [5],
        "words": ["x"],
        "when": np.zeros(1, dtype="datetime64[s]"),
        "gap": [None],
        "mixed": [1],
        "odd": ["x"],
    }
    batch = record_batch(columns, SCHEMA)
    assert list(batch.numeric.names) == ["new", "when", "gap", "mixed"]
    assert [column.name for column in batch.categorical] == ["words", "odd"]


def test_everything_wrong_with_a_record_is_said_at_once() -> None:
    bad = {"ram": "much", "brand": {}, 5: 1, "shelf": "fine", "weight": "3"}
    with pytest.raises(InvalidInput) as caught:
        convert.record(bad, SCHEMA, event_time="now")  # type: ignore[arg-type] # that is the point
    found = {(v.feature or v.field, v.reason) for v in caught.value.violations}
    assert found == {
        ("ram", "WRONG_KIND"),
        ("brand", "WRONG_KIND"),
        ("5", "WRONG_KIND"),
        ("record.event_time", "INVALID_FIELD"),
    }


@pytest.mark.parametrize(
    ("features", "record_id", "place", "message"),
    [
        ({"brand": "\udcff"}, "", "brand", r"'\\udcff' is no valid Unicode text"),
        ({"new": "\udcff"}, "", "new", r"'\\udcff' is no valid Unicode text"),
        ({"br\udcff": "x"}, "", r"br\udcff", r"the feature's name 'br\\udcff' is no valid Unicode text"),
        ({}, "p\udcff", "record.record_id", r"'p\\udcff' is no valid Unicode text"),
        ({}, [1], "record.record_id", "got list"),
    ],
)
def test_text_that_cannot_be_sent_is_named(
    features: dict[str, object], record_id: Any, place: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        convert.record(features, SCHEMA, record_id)
    (violation,) = caught.value.violations
    assert (violation.feature or violation.field) == place
    str(caught.value).encode()


def test_a_columns_name_that_cannot_be_sent_is_called_a_name() -> None:
    with pytest.raises(InvalidInput, match=r"the column's name 'br\\udcff' is no valid Unicode text"):
        record_batch({"br\udcff": ["a"]}, SCHEMA)


def test_what_is_no_mapping_is_said() -> None:
    with pytest.raises(TypeError, match="maps feature names to values, got list"):
        convert.record(["ram"], SCHEMA)  # type: ignore[arg-type] # that is the point
    with pytest.raises(TypeError, match="mapping of names to columns or a DataFrame, got list"):
        Table([[1, 2]])  # type: ignore[arg-type] # that is the point
    with pytest.raises(TypeError, match="record_ids must hold one value per row, got a single str"):
        Table({"ram": [1]}, RowKeys("abc"))


def test_tokens_are_the_servers_to_apply_except_for_text_in_place_of_a_number() -> None:
    record = convert.record({"brand": "n/a", "ram": "n/a", "weight": "-999"}, SCHEMA)
    assert dict(record.categorical) == {"brand": "n/a"}
    assert math.isnan(record.numeric["ram"])
    assert record.numeric["weight"] == -999.0


def test_rows_are_counted_before_any_value_is_looked_at() -> None:
    table = Table({"ram": ["cheap"] * 3, "brand": iter([{}, 1])}, RowKeys(str(i) for i in range(4)))  # type: ignore[arg-type] # whatever can be iterated over
    assert table.row_count == 4
    with pytest.raises(InvalidInput, match="cheap"):
        table.batch(SCHEMA)


class TwiceNamed:
    """A frame may have two columns of one name."""

    def items(self) -> list[tuple[str, list[int]]]:
        return [("ram", [1]), ("ram", [2])]


@pytest.mark.parametrize(
    ("columns", "keys", "problems"),
    [
        ({"ram": ["much", 1, "more"]}, RowKeys(), {("ram", 0, "WRONG_KIND"), ("ram", 2, "WRONG_KIND")}),
        ({"ram": [1], "weight": [1, 2]}, RowKeys(), {("weight", None, "WRONG_LENGTH")}),
        (
            {"ram": 5, "brand": "abc"},
            RowKeys(),
            {("ram", None, "WRONG_LENGTH"), ("brand", None, "WRONG_LENGTH")},
        ),
        ({5: [1], "ram": [1]}, RowKeys(), {("5", None, "INVALID_FIELD")}),
        (TwiceNamed(), RowKeys(), {("ram", None, "DUPLICATE_FEATURE")}),
        ({"ram": [1]}, RowKeys(["a", "b"]), {("record_ids", None, "WRONG_LENGTH")}),
        ({"ram": [1]}, RowKeys([{}]), {("", None, "INVALID_FIELD")}),
        ({"ram": [1]}, RowKeys(event_times=NO_TIMES), {("", None, "INVALID_FIELD")}),
        ({"brand": ["a", "\ud800", "a", "\ud800"]}, RowKeys(), {("brand", r, "WRONG_KIND") for r in (1, 3)}),
        ({"brand": ["a", 7, "\ud800"]}, RowKeys(), {("brand", 2, "WRONG_KIND")}),
        ({"new": ["a", "\ud800"]}, RowKeys(), {("new", 1, "WRONG_KIND")}),
        ({"br\udcff": ["a"]}, RowKeys(), {("br\\udcff", None, "INVALID_FIELD")}),
        ({"ram": [1]}, RowKeys(["\udcff"]), {("", None, "INVALID_FIELD")}),
    ],
)
def test_everything_wrong_with_a_table_is_said_at_once(
    columns: Any, keys: RowKeys, problems: set[Any]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        record_batch(columns, SCHEMA, keys)
    assert {(v.feature, v.row, v.reason) for v in caught.value.violations} == problems


def test_a_table_without_rows_or_columns_is_sent() -> None:
    assert record_batch({}, SCHEMA) == pb.RecordBatch()
    assert record_batch({"ram": [], "brand": []}, SCHEMA).row_count == 0
