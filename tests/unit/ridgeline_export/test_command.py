"""The command `ridgeline-export`: what a person sees, what a machine reads, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ridgeline.artifact import digest
from ridgeline_export.command import app
from ridgeline_export.progress import Progress
from ridgeline_export.simulate import DEFAULT_SEED, Costs, Summary
from support.tables import SCHEMA, export_small, small_frame, write_csv, write_schema

RUNNER = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_small(tmp_path_factory.mktemp("command"))


def test_train_publishes_and_summarises(tmp_path: Path) -> None:
    frame = small_frame().assign(weight=np.nan)
    table = write_csv(frame, tmp_path / "table.csv")
    schema = write_schema(tmp_path / "schema.toml", SCHEMA.replace('unit = "GB"', 'unit = "[GB] :apple:"'))
    arguments = ["train", str(table), "--schema", str(schema), "--out", str(tmp_path / "models")]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    for expected in [
        "laptops, version 1",
        "price in EUR, 100 to 400; outside: clamp",
        "480 rows, 2026-01-01 to 2026-04-06",
        "Worst segments",
        "price_tier",
        "Features that move prices most",
        "[GB] :apple:",
        "weight: never filled in training; it moves no price",
    ]:
        assert expected in result.stdout
    assert (tmp_path / "models" / "laptops" / "1" / "manifest.json").exists()
    assert RUNNER.invoke(app, [*arguments, "--json"]).exit_code == 0
    assert (tmp_path / "models" / "laptops" / "2").exists()


def test_wrong_input_is_exit_code_2_with_every_problem_and_no_traceback(tmp_path: Path) -> None:
    table = write_csv(small_frame().drop(columns=["memory", "price"]), tmp_path / "table.csv")
    schema = write_schema(tmp_path / "schema.toml")
    result = RUNNER.invoke(
        app, ["train", str(table), "--schema", str(schema), "--out", str(tmp_path / "models")]
    )
    assert result.exit_code == 2
    assert "column 'memory' is missing" in result.stderr
    assert "column 'price' is missing" in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "models").exists()
    bad = write_schema(tmp_path / "bad.toml", "[model]")
    result = RUNNER.invoke(app, ["train", str(table), "--schema", str(bad)])
    assert (result.exit_code, "features: missing; add it" in result.stderr) == (2, True)


def test_what_cannot_be_exported_or_written_is_exit_code_1(tmp_path: Path) -> None:
    table, out = write_csv(small_frame(), tmp_path / "table.csv"), tmp_path / "models"
    rejecting = SCHEMA.replace("min = 100.0\nmax = 400.0", 'min = 1.0\nmax = 2.0\npolicy = "reject"')
    schema = write_schema(tmp_path / "schema.toml", rejecting)
    result = RUNNER.invoke(app, ["train", str(table), "--schema", str(schema), "--out", str(out)])
    assert (result.exit_code, "Not exported: the guard rejected" in result.stderr) == (1, True)
    (out / "laptops").mkdir(parents=True)
    (out / "laptops" / "1").write_text("in the way")
    schema = write_schema(tmp_path / "schema.toml")
    result = RUNNER.invoke(app, ["train", str(table), "--schema", str(schema), "--out", str(out)])
    assert (result.exit_code, result.stderr.splitlines()[-1][:7]) == (1, "Failed:")


@pytest.mark.parametrize("command", ["train none.csv --schema {}/schema.toml", "simulate"])
@pytest.mark.parametrize("place", ["laptops", "laptops/models"])
def test_a_file_in_the_way_of_the_output_is_refused_before_any_work(
    tmp_path: Path, command: str, place: str
) -> None:
    write_schema(tmp_path / "schema.toml")
    (tmp_path / "laptops").write_text("in the way")
    for out in {tmp_path / place, tmp_path if command != "simulate" else tmp_path / place}:
        result = RUNNER.invoke(app, [*command.format(tmp_path).split(), "--out", str(out)])
        assert result.exit_code == 2
        assert f"{tmp_path / 'laptops'} is no directory; name another with --out" in result.stderr
        assert "none.csv" not in result.stderr


def test_inspect_shows_the_card(version: Path) -> None:
    result = RUNNER.invoke(app, ["inspect", str(version)])
    assert result.exit_code == 0, result.output
    assert digest((version / "manifest.json").read_bytes()) in result.stdout
    assert "90%: price -/+" in result.stdout
    assert "7 categories: " in result.stdout


def test_inspect_for_machines(version: Path) -> None:
    result = RUNNER.invoke(app, ["inspect", str(version), "--json"])
    card = json.loads(result.stdout)
    assert card["manifest"] == json.loads((version / "manifest.json").read_bytes())
    assert card["linear"] == json.loads((version / "linear.json").read_bytes())
    assert card["digest"] == digest((version / "manifest.json").read_bytes())
    assert (card["notes"], card["path"]) == ([], str(version))


def test_inspect_says_what_is_wrong(version: Path, tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["inspect", str(version.parent)])
    assert (result.exit_code, f"its newest version is {version}" in result.stderr) == (2, True)
    result = RUNNER.invoke(app, ["inspect", str(tmp_path / ":apple:")])
    assert (result.exit_code, ":apple:" in result.stderr) == (2, True)
    assert "manifest.json cannot be read" in result.stderr
    result = RUNNER.invoke(app, ["inspect", str(tmp_path / "none")])
    assert (result.exit_code, "manifest.json cannot be read" in result.stderr) == (2, True)
    for path in version.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "linear.json").write_bytes(b"{}")
    (tmp_path / "model.onnx").write_bytes(b"")
    result = RUNNER.invoke(app, ["inspect", str(tmp_path)])
    assert result.exit_code == 2
    assert "linear.json is not the file the manifest was made for" in result.stderr
    assert "model.onnx is not the file the manifest was made for" in result.stderr


def test_simulate_writes_the_example_and_says_what_each_fault_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, int]] = []
    costs = Costs(row_count=500, no_fault=8.1, alone={"mean_shift": 9.43}, all_faults=14.8)

    def write(out: Path, seed: int, progress: Progress) -> Summary:
        progress("drawing", 1, 2)
        asked.append((out, seed))
        return Summary(
            training_path=out / "training.csv",
            production_path=out / "production_simulation.csv",
            faults_path=out / "planted_faults.json",
            schema_path=out / "schema.toml",
            training_rows=9,
            holdout_rows=4,
            production_rows=500,
            holdout_rmse=8.2,
            costs=(costs, costs),
        )

    monkeypatch.setattr("ridgeline_export.simulate.write", write)
    result = RUNNER.invoke(app, ["simulate", "--out", str(tmp_path), "--seed", "3"])
    assert (result.exit_code, asked) == (0, [(tmp_path, 3)])
    assert "mean_shift alone" in result.stdout
    assert "9.43" in result.stdout
    result = RUNNER.invoke(app, ["simulate", "--out", str(tmp_path), "--json"])
    assert asked[1] == (tmp_path, DEFAULT_SEED)
    assert json.loads(result.stdout)["costs"][0]["alone"] == {"mean_shift": 9.43}


@pytest.mark.parametrize("arguments", [["train"], ["inspect"], ["nonsense"]])
def test_usage_errors_are_exit_code_2(arguments: list[str]) -> None:
    assert RUNNER.invoke(app, arguments).exit_code == 2
