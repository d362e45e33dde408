"""What chaos is told by: a file with a wrong, lost, doubled or moved row is found out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from support.chaos.oracle import Oracle

ROWS = 500
Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle(ROWS)


@pytest.fixture
def scored(oracle: Oracle) -> pd.DataFrame:
    """A right file: the first half priced by version 1, the second by version 2."""
    half = ROWS // 2
    prices = [*oracle._prices[1][:half], *oracle._prices[2][half:]]
    marks = ["1-abc"] * half + ["2-def"] * (ROWS - half)
    return pd.DataFrame({"record_id": oracle.ids, "price": prices, "model": marks}).round(4)


def dearer(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(price=frame["price"] + 0.001 * (frame.index == 7))


def unpriced(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[7, "price"] = None
    return frame


def of_another_version(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[7, "model"] = "2-def"
    return frame


def lost(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[:-1]


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame[-1:]])


def swapped(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[[7, 8]] = frame.loc[[8, 7]].to_numpy()
    return frame


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        (lambda frame: frame, (0, 0)),
        (dearer, (1, 0)),
        (unpriced, (1, 0)),
        (of_another_version, (1, 0)),
        (lost, (0, 1)),
        (doubled, (0, 1)),
        (swapped, (2, 2)),
    ],
)
def test_what_is_wrong_with_a_file_is_counted(
    oracle: Oracle, scored: pd.DataFrame, tmp_path: Path, change: Change, errors: tuple[int, int]
) -> None:
    path = tmp_path / "scored.csv"
    change(scored).to_csv(path, index=False)
    assert oracle.file_errors(path) == errors


def test_an_answer_is_right_for_its_rows_and_its_version_alone(oracle: Oracle) -> None:
    prices = oracle._prices[1][:3]
    assert oracle.is_right(1, slice(0, 3), prices)
    assert not oracle.is_right(1, slice(0, 3), 1.00001 * prices)
    assert not oracle.is_right(1, slice(0, 4), prices)
    assert not oracle.is_right(1, slice(1, 4), prices)
    assert not oracle.is_right(2, slice(0, 3), prices)


def test_a_torn_line_is_a_row_that_is_wrong_and_out_of_place(
    oracle: Oracle, scored: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "scored.csv"
    lines = scored.to_csv(index=False).splitlines()
    lines[8] = lines[8][:4] + lines[8]
    lines[9] += ",1,2,3"
    path.write_text("\n".join(lines))
    wrong, misplaced = oracle.file_errors(path)
    assert wrong > 0
    assert misplaced > 1
