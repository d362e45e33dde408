"""Which columns a job reads: every refusal, every hint, every name in the output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridgeline_client.score.columns import RESULT_COLUMNS, ColumnOptions, plan_columns
from ridgeline_client.score.errors import WrongTable
from support.fake_pricing import described, feature

MODEL = described(feature("ram"), feature("brand", "categorical", required=True), feature("weight"))
FEATURES = ["ram", "brand", "weight"]


def refusal(names: list[str], **options: object) -> list[str]:
    with pytest.raises(WrongTable) as refused:
        plan_columns(names, MODEL, ColumnOptions(**options))  # type: ignore[arg-type]  # as the test says
    return str(refused.value).splitlines()


def test_features_are_taken_in_the_models_order_and_the_rest_is_ignored_once() -> None:
    plan = plan_columns(["x", "weight", "brand", "x", "ram"], MODEL, ColumnOptions())
    assert plan.features.numeric == ["ram", "weight"]
    assert plan.features.categorical == ["brand"]
    assert plan.features.missing_tokens == ("n/a",)
    assert (plan.ignored, plan.absent, plan.record_id, plan.kept) == (("x",), (), None, {})
    assert plan.wanted == ["ram", "weight", "brand"]


def test_every_problem_is_named_at_once() -> None:
    assert refusal(["ram", "ram", "Brand"], record_id="sku") == [
        "column 'ram' is there more than once: rename or remove one",
        "there is no column 'sku' for the record ids (--id)",
        "feature column 'brand' is missing: is it 'Brand'?",
        "feature column 'weight' is missing",
        "rename the columns, or price without them with --allow-missing",
    ]


@pytest.mark.parametrize("stray", ["WEIGHT", " weight ", "weigth", "weights"])
def test_a_missing_feature_gets_the_nearest_stray_column_as_a_guess(stray: str) -> None:
    assert f"feature column 'weight' is missing: is it {stray!r}?" in refusal(["ram", "brand", stray])


def test_a_column_that_is_a_feature_itself_is_no_guess() -> None:
    model = described(feature("ram"), feature("ram2"))
    with pytest.raises(WrongTable, match=r"^feature column 'ram2' is missing\n"):
        plan_columns(["ram"], model, ColumnOptions())


def test_allowed_missing_features_are_absent_unless_required() -> None:
    plan = plan_columns(["brand"], MODEL, ColumnOptions(allow_missing=True))
    assert plan.absent == ("ram", "weight")
    assert refusal(["ram"], allow_missing=True) == [
        "feature column 'brand' is missing, and the model requires it"
    ]


def test_a_table_without_any_feature_is_refused_even_if_none_is_required() -> None:
    with pytest.raises(WrongTable, match="no column is a feature of toys"):
        plan_columns(["x"], described(feature("ram")), ColumnOptions(allow_missing=True))


@pytest.mark.parametrize(
    ("name", "expected"), [(None, "record_id"), ("sku", "sku"), ("", ""), ("ram", "ram")]
)
def test_the_record_id_is_the_column_that_was_named_else_record_id(name: str | None, expected: str) -> None:
    names = [*FEATURES, "", "sku", "record_id"]  # pandas writes an index as a column without a name
    plan = plan_columns(names, MODEL, ColumnOptions(record_id=name))
    assert plan.record_id == expected
    assert expected in plan.wanted
    assert (expected in plan.plain_numbers.columns) is False


def test_a_record_id_or_kept_column_that_is_there_twice_is_refused() -> None:
    twice = "column 'sku' is there more than once: rename or remove one"
    assert twice in refusal([*FEATURES, "sku", "sku"], record_id="sku")
    assert twice in refusal([*FEATURES, "sku", "sku"], keep=True)


def test_kept_columns_are_all_but_the_record_id_and_give_way_to_result_columns() -> None:
    names = [*FEATURES, "price", "input_price", "record_id", "model", "note"]
    plan = plan_columns(names, MODEL, ColumnOptions(keep=True))
    assert plan.kept == {
        **{name: name for name in FEATURES},
        "input_input_price": "price",
        "input_price": "input_price",
        "input_model": "model",
        "note": "note",
    }
    assert plan.ignored == ()
    assert plan.plain_numbers.columns == []  # what is carried along is kept as it is written


def test_another_record_id_leaves_the_column_record_id_to_be_kept() -> None:
    plan = plan_columns([*FEATURES, "record_id", "sku"], MODEL, ColumnOptions("sku", keep=True))
    assert plan.kept["input_record_id"] == "record_id"
    assert "sku" not in plan.kept.values()


NAMES = st.sampled_from(
    [prefix + name for name in [*RESULT_COLUMNS, "x"] for prefix in ("", "input_", "input_input_")]
)


@given(st.lists(NAMES, unique=True))
def test_no_two_columns_of_an_output_have_one_name(names: list[str]) -> None:
    plan = plan_columns([*FEATURES, *names], MODEL, ColumnOptions(keep=True))
    assert not set(plan.kept) & set(RESULT_COLUMNS)
    carried = [name for name in [*FEATURES, *names] if name != plan.record_id]
    assert list(plan.kept.values()) == carried
