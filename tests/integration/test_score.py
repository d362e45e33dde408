"""`ridgeline score` against a real server: what comes out for what goes in."""

from __future__ import annotations

import bz2
import gzip
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from ridgeline_client import NoticeKind, PricingClient
from ridgeline_client.cli.app import app
from ridgeline_client.score.columns import RESULT_COLUMNS
from ridgeline_client.score.job import Job
from ridgeline_client.score.options import JobOptions
from ridgeline_client.score.outputs import STEP_ROWS
from ridgeline_client.score.store import job_directory
from ridgeline_server.app import App
from support import toys
from support.score import big_toys, write
from support.servers import serving

Run = Callable[..., Result]
ROWS = 300


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return big_toys(ROWS)


@pytest.fixture
def run(toy_server: App) -> Run:
    def running(*arguments: object, **options: Any) -> Result:
        environment = {"RIDGELINE_TARGET": toy_server.address, "COLUMNS": "200", "NO_COLOR": "1"}
        return CliRunner(env=environment).invoke(app, ["score", *map(str, arguments)], **options)

    return running


def read(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def scored(run: Run, source: Path, target: Path, *flags: str) -> pd.DataFrame:
    done = run(source, target, *flags)
    assert done.exit_code == 0, done.output
    return read(target)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("out", ["csv", "parquet"])
def test_the_prices_are_those_of_a_batch_to_the_last_digit(
    run: Run, toy_client: PricingClient, frame: pd.DataFrame, tmp_path: Path, kind: str, out: str
) -> None:
    rows = scored(run, write(frame, tmp_path / f"in.{kind}"), tmp_path / f"out.{out}", "--id", "sku")
    batch = toy_client.predict_batch(frame[list(toys.FEATURES)])
    assert list(rows.columns) == list(RESULT_COLUMNS)
    assert list(rows["record_id"]) == list(frame["sku"])
    assert list(rows["flags"]) == list(batch.flags)
    assert (batch.flags & NoticeKind.CLAMPED_HIGH.bit).any()
    for name in ("price", "model_price", "lower", "upper"):
        expected = ["nan" if math.isnan(value) else f"{value:.4f}" for value in getattr(batch, name)]
        assert [f"{value:.4f}" for value in rows[name].astype(float)] == expected
    assert set(rows["model"]) == {f"1-{batch.model.digest[:12]}"}
    assert rows["error"].isna().all()


def test_a_csv_has_fixed_decimals_and_empty_cells_for_what_is_not_there(
    run: Run, frame: pd.DataFrame, tmp_path: Path
) -> None:
    scored(run, write(frame, tmp_path / "in.csv"), tmp_path / "out.csv")
    header, *lines = (tmp_path / "out.csv").read_text().splitlines()
    assert header == "record_id,price,model_price,lower,upper,flags,error,model"
    cells = [line.split(",") for line in lines]
    assert [row[0] for row in cells] == [str(n) for n in range(1, ROWS + 1)]
    assert {len(text.partition(".")[2]) for row in cells for text in row[1:5] if text} == {4}
    clamped = [row for row in cells if int(row[5]) & NoticeKind.CLAMPED_HIGH.bit]
    assert clamped
    assert all(row[1] == "150.0000" and row[3] == row[4] == "" for row in clamped)


def test_parquet_has_decimals_of_two_digits_more_than_a_cent(
    run: Run, frame: pd.DataFrame, tmp_path: Path
) -> None:
    scored(run, write(frame, tmp_path / "in.parquet"), tmp_path / "out.parquet")
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.field("price").type == pa.decimal128(18, 4)
    assert schema.field("flags").type == pa.int32()


def test_a_bad_row_has_an_error_and_its_neighbours_a_price(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(
        b"sku,ram,screen,weight,brand,port_code\n"
        b"A,8,10,1,Acme,1\n"
        b"B,cheap,10,1,Acme,1\n"
        b"C,8,10,1,Acme\n"
        b"\n"
        b"D,8,10,-1,Acme,1\n"
        b"E,8,inf,1,Acme,1\n"
        b"F,8,10,1,\xff,1\n"
        b"G,,,,,\n"
        b"H,8,10,1,Acme,1\n"
    )
    done = run(source, tmp_path / "out.csv", "--id", "sku", "--json")
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    assert list(rows["record_id"]) == ["A", "B", "", "", "D", "E", "", "G", "H"]
    priced = rows["price"] != ""
    assert list(rows["record_id"][priced]) == ["A", "H"]
    assert rows["price"][0] == rows["price"][8]
    assert (rows["flags"][~priced] == NoticeKind.ROW_ERROR.bit).all()
    errors = list(rows["error"])
    assert errors[1] == "ram: expected a number, got 'cheap'"
    assert errors[2] == "the row has 5 cells, the header has 6"
    assert errors[3] == "the row is an empty line"
    assert "weight" in errors[4]
    assert "-1" in errors[4]
    assert "screen" in errors[5]
    assert errors[6] == "the row is not UTF-8"
    assert "every feature is missing" in errors[7]
    report = json.loads(done.stdout)
    assert (report["rows"], report["priced_rows"], report["bad_rows"]) == (9, 2, 7)
    assert report["first_bad_rows"][0] == {"row": 3, "error": errors[1]}
    assert [bad["row"] for bad in report["first_bad_rows"]] == [3, 4, 5, 6, 7]


def test_every_bad_row_has_its_own_error_however_many_there_are(
    run: Run, toy_client: PricingClient, tmp_path: Path
) -> None:
    """An answer lists 1,000 violations; here are 6,000 in one chunk, one to three a row."""
    frame = big_toys(3_000)
    place = np.arange(len(frame))
    frame["weight"] = -1.0 - place
    frame.loc[place % 2 == 0, "ram"] = 5_000.0 + place[place % 2 == 0]
    frame.loc[place % 3 == 0, "screen"] = math.inf
    done = run(write(frame, tmp_path / "in.parquet"), tmp_path / "out.parquet")
    assert done.exit_code == 2
    errors = list(read(tmp_path / "out.parquet")["error"])
    for row in [0, 1, 999, 1_000, 1_001, 2_998, 2_999]:
        alone = toy_client.predict_batch(frame[list(toys.FEATURES)].iloc[row : row + 1])
        assert errors[row] == "; ".join(error.message for error in alone.row_errors)
    assert all(f"{-1.0 - row:g}" in error for row, error in enumerate(errors))


def test_a_table_without_a_single_good_row_is_wrong_input(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("ram,screen,weight,brand,port_code\n-5,1,1,Acme,1\n-6,1,1,Acme,1\n")
    done = run(source, tmp_path / "out.csv")
    assert done.exit_code == 2
    assert len(read(tmp_path / "out.csv")) == 2


def test_missing_feature_columns_are_refused_by_name_and_with_a_guess(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("ram,Screen,brand\n8,10,Acme\n")
    done = run(source, tmp_path / "out.csv")
    assert done.exit_code == 2
    for part in (
        f"{source} is not what toys needs",
        "feature column 'screen' is missing: is it 'Screen'?",
        "feature column 'weight' is missing",
        "feature column 'port_code' is missing",
        "--allow-missing",
    ):
        assert part in done.stderr
    assert not (tmp_path / "out.csv").exists()
    assert not job_directory(tmp_path / "out.csv").exists()


def test_allowed_missing_columns_are_told_and_priced_with_the_fill(
    run: Run, toy_client: PricingClient, frame: pd.DataFrame, tmp_path: Path
) -> None:
    source = write(frame.drop(columns=["weight"]), tmp_path / "in.csv")
    done = run(source, tmp_path / "out.csv", "--allow-missing")
    assert done.exit_code == 0, done.output
    assert "missing in every row: weight" in done.stderr
    batch = toy_client.predict_batch(frame[["ram", "screen", "brand", "port_code"]])
    assert [f"{price:.4f}" for price in read(tmp_path / "out.csv")["price"]] == [
        f"{p:.4f}" for p in batch.price
    ]


def test_a_required_feature_may_not_be_missing_even_if_allowed(frame: pd.DataFrame, tmp_path: Path) -> None:
    source = write(frame.drop(columns=["brand", "weight"]), tmp_path / "in.csv")
    with serving(toys.export(tmp_path / "required", required=True)) as server:
        done = CliRunner().invoke(
            app,
            ["score", str(source), str(tmp_path / "out.csv"), "--allow-missing", "--target", server.address],
        )
    assert done.exit_code == 2
    assert "feature column 'brand' is missing, and the model requires it" in done.stderr
    assert "weight" not in done.stderr


def test_ignored_columns_are_told_once(run: Run, frame: pd.DataFrame, tmp_path: Path) -> None:
    done = run(write(frame, tmp_path / "in.csv"), tmp_path / "out.csv", "--id", "sku", "--json")
    assert done.stderr.count("ignored: day, price") == 1
    assert json.loads(done.stdout)["ignored_columns"] == ["day", "price"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("out", ["csv", "parquet"])
def test_kept_columns_stand_behind_the_prices_and_give_way_to_their_names(
    run: Run, frame: pd.DataFrame, tmp_path: Path, kind: str, out: str
) -> None:
    frame = frame.assign(note=['a "b", c\nd'] * ROWS, brand=frame["brand"].astype("category"))
    source = write(frame, tmp_path / f"in.{kind}")
    rows = scored(run, source, tmp_path / f"out.{out}", "--keep-columns", "--id", "sku")
    carried = [*frame.columns[1:-2], "input_price", "note"]
    assert list(rows.columns) == [*RESULT_COLUMNS, *carried]
    assert list(rows["note"]) == list(frame["note"])
    assert [float(price) for price in rows["input_price"]] == list(frame["price"])
    if kind == out == "parquet":
        assert rows["ram"].dtype == float
        pd.testing.assert_series_equal(rows["ram"], frame["ram"])


def test_a_kept_column_that_is_no_text_can_only_go_to_parquet(
    run: Run, frame: pd.DataFrame, tmp_path: Path
) -> None:
    source = write(frame.assign(tags=pd.Series([["a", "b"]] * ROWS)), tmp_path / "in.parquet")
    done = run(source, tmp_path / "out.csv", "--keep-columns")
    assert done.exit_code == 2
    assert "column 'tags'" in done.stderr
    assert scored(run, source, tmp_path / "out.parquet", "--keep-columns")["tags"][0].tolist() == ["a", "b"]


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_compressed_input_is_read_and_compressed_output_written(
    run: Run, frame: pd.DataFrame, tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    plain = write(frame, tmp_path / "in.csv")
    packed = tmp_path / f"in.csv{suffix}"
    packed.write_bytes(compress(plain.read_bytes()))
    scored(run, plain, tmp_path / "plain.csv")
    expected = (tmp_path / "plain.csv").read_bytes()
    for name in ("out.csv", "out.csv.gz", "out.csv.zst"):
        done = run(packed, tmp_path / name)
        assert done.exit_code == 0, done.output
    assert (tmp_path / "out.csv").read_bytes() == expected
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()) == expected
    with pa.input_stream(tmp_path / "out.csv.zst", compression="zstd") as stream:
        assert stream.read() == expected


def test_pipes_carry_nothing_but_the_table(
    toy_server: App, frame: pd.DataFrame, tmp_path: Path, run: Run
) -> None:
    source = write(frame, tmp_path / "in.parquet")
    scored(run, source, tmp_path / "out.csv", "--id", "sku")
    command = [sys.executable, "-m", "ridgeline_client", "score", "-", "-", "--id", "sku", "--json"]
    done = subprocess.run(
        [*command, "--target", toy_server.address],
        input=source.read_bytes(),
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == (tmp_path / "out.csv").read_bytes()
    assert json.loads(done.stderr[done.stderr.index(b"{") :])["rows"] == ROWS


def test_the_reader_of_a_pipe_may_leave(toy_server: App, tmp_path: Path) -> None:
    source = write(big_toys(3 * STEP_ROWS), tmp_path / "in.csv")
    command = [
        sys.executable,
        "-m",
        "ridgeline_client",
        "score",
        str(source),
        "-",
        "--target",
        toy_server.address,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(timeout=120) == 1
    assert b"Traceback" not in said


@pytest.mark.parametrize("streams", [2, 5])
def test_several_streams_give_the_same_bytes(run: Run, tmp_path: Path, streams: int) -> None:
    source = write(big_toys(2 * STEP_ROWS + 77), tmp_path / "in.csv")
    scored(run, source, tmp_path / "one.csv")
    scored(run, source, tmp_path / "many.csv", "--streams", str(streams))
    assert (tmp_path / "many.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()


def test_a_table_without_rows_gives_a_table_without_rows(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(",".join(toys.FEATURES) + "\n")
    assert list(scored(run, source, tmp_path / "out.csv").columns) == list(RESULT_COLUMNS)
    assert list(scored(run, source, tmp_path / "out.parquet").columns) == list(RESULT_COLUMNS)


def test_an_output_that_is_there_is_not_touched_unless_told(
    run: Run, frame: pd.DataFrame, tmp_path: Path
) -> None:
    source, target = write(frame, tmp_path / "in.csv"), tmp_path / "out.csv"
    target.write_text("mine")
    done = run(source, target)
    assert done.exit_code == 2
    assert "--overwrite" in done.stderr
    assert target.read_text() == "mine"
    assert set(tmp_path.iterdir()) == {source, target}
    assert len(scored(run, source, target, "--overwrite")) == ROWS


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such file"), (b"", "first line is empty"), (b"PAR1 and no more", "cannot be read")],
)
def test_what_is_no_table_is_said(run: Run, tmp_path: Path, content: bytes | None, said: str) -> None:
    source = tmp_path / "in.csv"
    if content is not None:
        source.write_bytes(content)
    done = run(source, tmp_path / "out.csv")
    assert done.exit_code == 2
    assert said in done.stderr
    assert str(source) in done.stderr
    assert not (tmp_path / "out.csv").exists()


def test_a_folder_that_is_not_there_is_said(run: Run, frame: pd.DataFrame, tmp_path: Path) -> None:
    done = run(write(frame, tmp_path / "in.csv"), tmp_path / "nowhere" / "out.csv")
    assert done.exit_code == 1
    assert "cannot write the output" in done.stderr


def test_no_server_is_exit_code_4(frame: pd.DataFrame, tmp_path: Path) -> None:
    source = write(frame, tmp_path / "in.csv")
    arguments = ["score", str(source), str(tmp_path / "out.csv"), "--target", "127.0.0.1:1", "--timeout", "2"]
    assert CliRunner().invoke(app, arguments).exit_code == 4


def test_json_of_an_error_names_it(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path / "none.csv", tmp_path / "out.csv", "--json")
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert error["type"] == "TableError"
    assert "none.csv" in error["message"]


def test_a_text_that_fills_a_message_costs_its_own_row_only(
    toy_server: App, frame: pd.DataFrame, tmp_path: Path
) -> None:
    frame = frame.copy()
    frame.loc[7, "brand"] = "x" * 9_000
    frame.loc[8, "brand"] = "y" * 5_000
    job = Job(
        write(frame, tmp_path / "in.csv"),
        tmp_path / "out.csv",
        lambda: PricingClient(toy_server.address, max_message_bytes=8_000),
        JobOptions(),
        Unwatched(),
    )
    assert job.run().progress.counts.priced == ROWS - 1
    errors = read(tmp_path / "out.csv")["error"].dropna()
    assert errors.to_dict() == {7: "the row is too large for one message: shorten its texts"}


class Unwatched:
    """Nobody looks."""

    def begun(self, *_about: object) -> None: ...

    def advanced(self, *_how_far: object) -> None: ...


def test_people_see_rows_notices_and_bad_rows(run: Run, frame: pd.DataFrame, tmp_path: Path) -> None:
    bad = frame.copy()
    bad.loc[3, "weight"] = -1
    done = run(write(bad, tmp_path / "in.csv"), tmp_path / "out.csv")
    for part in ("300, 299 with a price", "rows/s", "IMPUTED", "UNKNOWN_CATEGORY", "brand", "weight"):
        assert part in done.stdout
    assert "rows are numbered from 1" in done.stderr
