"""Every reason to refuse a row or a request, found where it is and nowhere else."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridgeline import missing
from ridgeline.artifact import Kind, schema_fingerprint
from ridgeline.reasons import Reason
from ridgeline_server.domain import CategoricalColumn, CheckedBatch, Places, PredictOptions, RecordBatch
from ridgeline_server.engine.schema import Schema
from ridgeline_server.engine.validator import Validator
from ridgeline_server.errors import InvalidInput, PreconditionFailed
from support.manifests import FEATURES, batch, column, manifest

Strays = dict[tuple[Kind, str], list[int]]

NAN = math.nan
SCHEMA = Schema.of(manifest())
GOOD = batch(2, {"ram": [8, 16], "screen": [6, 7]}, brand=["Acme", "NA"], category=["phone", ""])


def check(of: RecordBatch, options: PredictOptions = PredictOptions()) -> CheckedBatch:  # noqa: B008  # frozen
    return Validator(SCHEMA).check(of, options)


def grid(checked: CheckedBatch, places: Places) -> npt.NDArray[np.bool_]:
    """Places as bool [n, f]."""
    cells = np.zeros(len(checked.numeric) * len(SCHEMA.features), dtype=bool)
    cells[places] = True
    return cells.reshape(len(checked.numeric), -1)


def texts(checked: CheckedBatch) -> list[list[str]]:
    rows: list[list[str]] = checked.categories.texts(np.arange(len(checked.numeric))).tolist()
    return rows


def found(checked: CheckedBatch) -> list[tuple[int | None, str, Reason]]:
    return [(v.row, v.feature, v.reason) for v in checked.violations]


def test_rows_come_out_in_the_models_order_whatever_order_they_were_sent_in() -> None:
    shuffled = batch(2, {"screen": [6, 7], "ram": [8, 16]}, category=["phone", ""], brand=["Acme", "NA"])
    for of in (GOOD, shuffled):
        checked = check(of)
        assert checked.numeric.tolist() == [[8, 6], [16, 7]]
        assert texts(checked) == [["Acme", "phone"], ["NA", ""]]
        assert not checked.violations


def test_absent_nan_empty_and_token_are_missing_and_nothing_else() -> None:
    checked = check(batch(3, {"ram": [8, NAN, 0x40]}, brand=["Acme"] * 3, category=["", "n/a", "nan"]))
    ram, screen, brand, category = grid(checked, checked.cells.imputed).T.tolist()
    assert ram == [False, True, False]
    assert screen == [True, True, True]
    assert brand == [False, False, False]
    assert category == [True, True, False]
    assert grid(checked, checked.cells.unknown)[:, 3].tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (math.inf, Reason.NOT_FINITE),
        (-math.inf, Reason.NOT_FINITE),
        (0.99, Reason.OUT_OF_VALID_RANGE),
        (128.5, Reason.OUT_OF_VALID_RANGE),
    ],
)
def test_a_bad_number_refuses_its_row_alone(value: float, reason: Reason) -> None:
    checked = check(batch(3, {"ram": [8, value, NAN]}, brand=["Acme"] * 3))
    assert found(checked) == [(1, "ram", reason)]
    assert checked.refused is not None
    assert checked.refused.tolist() == [False, True, False]
    assert checked.violations[0].field == 'numeric["ram"]'
    assert repr(float(value)) in checked.violations[0].message


@pytest.mark.parametrize(
    ("value", "outside"), [(1.0, True), (2.0, False), (64.0, False), (64.1, True), (128.0, True)]
)
def test_between_training_and_valid_range_a_value_is_only_marked(value: float, outside: bool) -> None:
    checked = check(batch(1, {"ram": [value]}, brand=["Acme"]))
    assert not checked.violations
    assert grid(checked, checked.cells.outside)[0].tolist() == [outside, False, False, False]


def test_bounds_are_compared_in_the_precision_that_was_sent() -> None:
    sent = float(np.float32(5.1))  # smaller than 5.1 as double, equal as float
    assert sent < 5.1
    doubles = batch(1, {"screen": [sent]}, brand=["Acme"])
    assert check(doubles).cells.outside.tolist() == [1]
    assert not check(replace(doubles, single_precision=True)).cells.outside.size


def test_an_infinite_float_is_refused_even_where_the_bound_is_beyond_floats() -> None:
    ram = FEATURES[0].model_copy(update={"training_max": 1e300, "valid_max": None})
    schema = Schema.of(manifest(features=(ram, *FEATURES[1:])))
    sent = replace(batch(1, {"ram": [math.inf]}, brand=["Acme"]), single_precision=True)
    checked = Validator(schema).check(sent, PredictOptions())
    assert found(checked) == [(0, "ram", Reason.NOT_FINITE)]


def test_of_a_long_dictionary_only_what_is_used_is_read() -> None:
    class Watched(list[str]):
        read = 0

        def __getitem__(self, at: Any) -> Any:
            self.read += 1
            return super().__getitem__(at)

    dictionary = Watched(["Acme", *(f"brand {i}" for i in range(5_000))])
    brand = CategoricalColumn("brand", dictionary, np.array([1, 3, 0, 1], dtype=np.int32))
    checked = check(RecordBatch(4, ["ram"], np.ones((4, 1)) * 8, [brand]))
    assert [brand for brand, _ in texts(checked)] == ["Acme", "brand 1", "", "Acme"]
    assert grid(checked, checked.cells.unknown)[:, 2].tolist() == [False, True, False, False]
    assert dictionary.read == 2
    assert max(map(len, checked.categories.entries)) == 3


def test_an_unseen_category_is_marked_and_a_known_one_is_not() -> None:
    checked = check(batch(3, {}, brand=["Acme", "NA", "acme"]))
    assert grid(checked, checked.cells.unknown)[:, 2].tolist() == [False, False, True]


@pytest.mark.parametrize("single_precision", [False, True])
def test_a_token_that_reads_as_a_number_makes_that_number_missing(single_precision: bool) -> None:
    schema = Schema.of(manifest(missing_tokens=("-99.9", "n/a")))
    value = float(np.float32(-99.9)) if single_precision else -99.9
    sent = replace(batch(1, {"ram": [value]}, brand=["Acme"]), single_precision=single_precision)
    checked = Validator(schema).check(sent, PredictOptions())
    assert not checked.violations
    assert grid(checked, checked.cells.imputed)[0, 0]


def test_a_category_is_read_by_the_rule_of_every_other_door() -> None:
    sent = batch(1, {}, brand=["7.0"])
    assert check(sent).categories.text(0, 0) == missing.category(7.0) == "7"


def test_a_code_beyond_the_dictionary_refuses_its_row_and_does_not_count_as_missing() -> None:
    brand = replace(column("brand", ["Acme", "Acme", "Acme"]), codes=np.array([1, 2, -1], dtype=np.int32))
    checked = check(RecordBatch(3, [], np.empty((3, 0)), [brand]))
    assert found(checked) == [
        (1, "brand", Reason.CODE_OUT_OF_DICTIONARY),
        (2, "brand", Reason.CODE_OUT_OF_DICTIONARY),
    ]


def test_a_missing_required_feature_refuses_its_row() -> None:
    assert found(check(batch(2, {"ram": [8, 8]}, brand=["", "Acme"]))) == [
        (0, "brand", Reason.REQUIRED_FEATURE_MISSING)
    ]


def test_an_empty_record_is_one_violation() -> None:
    assert found(check(batch(2, {"ram": [NAN, 8]}, brand=["", "Acme"]))) == [(0, "", Reason.EMPTY_RECORD)]


def test_names_no_row_can_be_blamed_for_refuse_the_request_all_at_once() -> None:
    wrong = RecordBatch(
        1,
        ["ram", "rma", "ram", "brand"],
        np.ones((1, 4)),
        [column("screen", ["6"]), column("colour", ["red"])],
    )
    with pytest.raises(InvalidInput) as caught:
        check(wrong)
    assert [(v.field, v.reason) for v in caught.value.violations] == [
        ("numeric.names[1]", Reason.UNKNOWN_FEATURE),
        ("numeric.names[2]", Reason.DUPLICATE_FEATURE),
        ("numeric.names[3]", Reason.WRONG_KIND),
        ("categorical[0].name", Reason.WRONG_KIND),
        ("categorical[1].name", Reason.UNKNOWN_FEATURE),
    ]
    assert "did you mean 'ram'" in caught.value.violations[0].message
    assert caught.value.metadata["violation_count"] == "5"


def test_names_of_single_rows_refuse_those_rows() -> None:
    strays: Strays = {("numeric", "colour"): [1], ("numeric", "brand"): [0, 1], ("categorical", "ram"): [1]}
    checked = check(replace(GOOD, strays=strays))
    assert found(checked) == [
        (0, "brand", Reason.WRONG_KIND),
        (1, "colour", Reason.UNKNOWN_FEATURE),
        (1, "brand", Reason.WRONG_KIND),
        (1, "ram", Reason.WRONG_KIND),
    ]


def test_a_field_path_quotes_the_name_as_json() -> None:
    sent = replace(GOOD, strays={("numeric", 'a "b"]\\'): [0]})
    assert check(sent).violations[0].field == 'numeric["a \\"b\\"]\\\\"]'


def test_a_required_feature_sent_as_the_wrong_kind_is_wrong_not_missing() -> None:
    sent = replace(batch(1, {"ram": [8]}), strays={("numeric", "brand"): [0]})
    assert found(check(sent)) == [(0, "brand", Reason.WRONG_KIND)]


def test_unknown_names_can_be_ignored_and_reported_but_wrong_kinds_cannot() -> None:
    strays: Strays = {("numeric", "colour"): [1], ("numeric", "brand"): [0]}
    checked = check(replace(GOOD, strays=strays), PredictOptions(ignore_unknown_features=True))
    assert checked.ignored == (("colour", [1]),)
    assert found(checked) == [(0, "brand", Reason.WRONG_KIND)]


def test_a_name_ignored_as_number_and_as_category_is_one_feature() -> None:
    strays: Strays = {("numeric", "colour"): [1], ("categorical", "colour"): [0, 1]}
    checked = check(replace(GOOD, strays=strays), PredictOptions(ignore_unknown_features=True))
    assert checked.ignored == (("colour", [0, 1]),)


def test_a_refused_row_carries_no_other_notice() -> None:
    checked = check(batch(1, {"ram": [math.inf], "screen": [99]}, brand=["who"], category=[""]))
    assert not any(places.size for _, places in checked.cells.items())


def test_violations_are_listed_in_row_order_up_to_a_thousand_and_all_counted() -> None:
    rows = 1_500
    checked = check(
        batch(rows, {"ram": [math.inf] * rows, "screen": [-math.inf] * rows}, brand=["Acme"] * rows)
    )
    assert checked.violation_count == 2 * rows
    assert len(checked.violations) == 1_000
    assert [v.row for v in checked.violations[:4]] == [0, 0, 1, 1]


def test_another_schema_is_refused() -> None:
    check(GOOD, PredictOptions(schema_fingerprint=schema_fingerprint(manifest().features)))
    with pytest.raises(PreconditionFailed) as caught:
        check(GOOD, PredictOptions(schema_fingerprint="0" * 64))
    assert caught.value.reason is Reason.SCHEMA_MISMATCH


numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1.0, 2.0, 64.0, 128.0])
)


@given(
    st.lists(st.tuples(numbers, numbers, st.sampled_from(["Acme", "", "n/a", "x"])), min_size=1, max_size=8)
)
def test_a_batch_is_checked_like_its_rows_one_by_one(rows: list[tuple[float, float, str]]) -> None:
    def of(some: list[tuple[float, float, str]]) -> CheckedBatch:
        ram, screen, brand = (list(values) for values in zip(*some, strict=True))
        return check(batch(len(some), {"ram": ram, "screen": screen}, brand=brand))

    together = of(rows)
    for at, row in enumerate(rows):
        alone = of([row])
        assert [(v.feature, v.reason) for v in together.violations if v.row == at] == [
            (v.feature, v.reason) for v in alone.violations
        ]
        assert (together.refused is not None and together.refused[at]) == (alone.refused is not None)
        assert together.missing_count[at] == alone.missing_count[0]
        for (_, many), (_, one) in zip(together.cells.items(), alone.cells.items(), strict=True):
            assert grid(together, many)[at].tolist() == grid(alone, one)[0].tolist()
