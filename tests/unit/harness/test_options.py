from __future__ import annotations

import re
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from harness.options import LoadOptions
from harness.rows import Shares


def test_options_are_picked_out_of_all_arguments() -> None:
    told = asdict(LoadOptions()) | {"seed": 7, "users": 3, "missing_share": 0.12}
    options = LoadOptions.of(told)
    assert options.seed == 7
    assert options.shares() == Shares(missing=0.12)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="batch_rows") as caught:
        LoadOptions(
            batch_rows=0,
            seed=-1,
            deadline_s=0,
            missing_share=2,
            unary_weight=0,
            batch_weight=0,
            stream_weight=0,
        )
    assert str(caught.value).split("; ") == [
        "batch_rows is 0: expected 1 or more",
        "seed is -1: expected 0 or more",
        "deadline_s is 0: expected seconds above 0, at most 3600",
        "all weights are 0: expected one above 0",
        "missing is 2: expected a share of the cells, 0 to 1",
    ]


def test_one_kind_of_user_may_be_left_out() -> None:
    assert LoadOptions(batch_weight=0, stream_weight=0).unary_weight > 0


def test_every_option_is_on_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "load-testing.md").read_text()
    table = page.partition("### Arguments")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| ([a-z_, ]+) \|", table, re.MULTILINE)
    documented = [name for cell in cells[1:] for name in cell.split(", ")]
    assert sorted(documented) == sorted(option.name for option in fields(LoadOptions))
