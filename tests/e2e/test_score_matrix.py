"""Whatever breaks while a table is scored, the output has the bytes of an undisturbed run.

`make score-matrix` runs this with a million rows.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from ridgeline_client.score.outputs import STEP_ROWS
from ridgeline_client.score.store import job_directory
from ridgeline_export.export import export_model
from ridgeline_server.app import App
from support import toys
from support.process import ServerProcess, server_process
from support.score import Finished, big_toys, score, started, write
from support.servers import ANY_PORT, serving

ROWS = int(os.environ.get("MATRIX_ROWS", "110000"))
STEPS = -(-ROWS // STEP_ROWS)
PAUSE = 2

FORMATS = ["csv", "parquet"]


@dataclass(frozen=True)
class Case:
    """A table, its undisturbed scores, and the models."""

    source: Path
    expected: Path
    models: Path
    other_models: Path


@pytest.fixture(scope="module")
def other_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models directory with version 2 of the toys alone, fitted with another penalty."""
    directory = tmp_path_factory.mktemp("other")
    (directory / "schema.toml").write_text(
        toys.SCHEMA.format(policy="clamp", required="false").replace("value = 0.05", "value = 500.0")
    )
    toys.table().to_csv(directory / "table.csv", index=False)
    for _ in range(2):
        export_model(
            directory / "table.csv", directory / "schema.toml", directory / "m", created=toys.CREATED
        )
    shutil.rmtree(directory / "m" / "toys" / "1")
    return directory / "m"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("matrix")


@pytest.fixture(scope="module")
def cases(folder: Path, toy_server: App, toy_models: Path, other_models: Path) -> dict[str, Case]:
    frame = big_toys(ROWS)
    made = {}
    for name in FORMATS:
        source = write(frame, folder / f"in.{name}")
        expected = folder / f"expected.{name}"
        done = score(source, expected, server=toy_server.address)
        assert done.code == 0, done.stderr
        assert done.report["rows"] == ROWS
        made[name] = Case(source, expected, toy_models, other_models)
    return made


@pytest.fixture(params=FORMATS)
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    return cases[request.param]


@pytest.fixture
def target(case: Case, tmp_path: Path) -> Path:
    return tmp_path / f"out{case.source.suffix}"


@contextmanager
def mortal_server(models: Path) -> Iterator[tuple[ServerProcess, str]]:
    """A server that a test can end, and its address, where another one can take its place."""
    with server_process("--models", str(models), "--address", ANY_PORT, "--ops-address", "") as server:
        yield server, server.address()


def same(case: Case, target: Path, done: Finished) -> None:
    """The job is done, left nothing behind, and its bytes are the undisturbed ones."""
    assert done.code == 0, done.stderr
    assert target.read_bytes() == case.expected.read_bytes()
    assert not job_directory(target).exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_is_killed_or_drained_and_comes_back(
    case: Case, target: Path, number: signal.Signals
) -> None:
    with mortal_server(case.models) as (one, address):
        with started(case.source, target, server=address, pause_after=PAUSE) as job:
            job.wait_paused()
            one.tell(number)
            one.wait()
            with serving(case.models, address=address):
                done = job.finish()
    same(case, target, done)
    assert done.report["resumed_rows"] == 0


def step_calls(case: Case, name: str, step: int) -> list[int]:
    """Numbers of the calls of `name` that step `step` makes: see `Progress.save` and `Output.commit`."""
    if name == "replace":
        return [step]
    first = 2 + 3 * (step - 1)  # after the header: the rows, the new progress file, the directory
    return [first, first + 1, first + 2]


@pytest.mark.parametrize(
    ("name", "place", "kept"),
    [("fsync", 0, PAUSE - 1), ("fsync", 1, PAUSE - 1), ("replace", 0, PAUSE - 1), ("fsync", 2, PAUSE)],
    ids=[
        "rows written, not synced",
        "rows synced, progress not",
        "progress not replaced",
        "progress replaced",
    ],
)
def test_a_job_that_is_killed_anywhere_in_a_step(
    case: Case, target: Path, toy_server: App, name: str, place: int, kept: int
) -> None:
    number = step_calls(case, name, PAUSE)[place]
    with started(case.source, target, server=toy_server.address, kill_at=f"{name} {number}") as job:
        assert job.finish().code == -signal.SIGKILL
    assert not target.exists()
    done = score(case.source, target, server=toy_server.address)
    same(case, target, done)
    assert done.report["resumed_rows"] == kept * STEP_ROWS


def test_a_job_that_is_killed_when_all_rows_are_written(case: Case, target: Path, toy_server: App) -> None:
    # replace: one per step, the finished progress, then the output itself
    with started(case.source, target, server=toy_server.address, kill_at=f"replace {STEPS + 2}") as job:
        assert job.finish().code == -signal.SIGKILL
    done = score(case.source, target, server=toy_server.address)
    same(case, target, done)
    assert done.report["resumed_rows"] == ROWS


def test_what_a_power_cut_leaves_beyond_the_last_step_is_cut_off(
    case: Case, target: Path, toy_server: App
) -> None:
    with started(case.source, target, server=toy_server.address, pause_after=PAUSE) as job:
        job.wait_paused()
        job.kill()
    torn = "rows" if case.source.suffix == ".csv" else f"part-{PAUSE:07}.parquet"
    with (job_directory(target) / torn).open("ab") as file:
        file.write(b"\0" * 4096)
    same(case, target, score(case.source, target, server=toy_server.address))


def test_a_job_that_is_told_to_stop_goes_on_later(case: Case, target: Path, toy_server: App) -> None:
    with started(case.source, target, server=toy_server.address, pause_after=PAUSE) as job:
        job.wait_paused()
        job.process.send_signal(signal.SIGTERM)
        stopped = job.finish(go_on=False)
    assert stopped.code == 128 + signal.SIGTERM
    assert "stopped by SIGTERM: the same command goes on where it was" in stopped.stderr
    done = score(case.source, target, server=toy_server.address)
    same(case, target, done)
    assert done.report["resumed_rows"] == PAUSE * STEP_ROWS


def swapped(case: Case, target: Path, *flags: str) -> tuple[str, Finished]:
    """Run the job while its server is replaced by one with another version; returns the address."""
    with mortal_server(case.models) as (one, address):
        with started(case.source, target, *flags, server=address, pause_after=PAUSE) as job:
            job.wait_paused()
            one.tell(signal.SIGKILL)
            one.wait()
            with serving(case.other_models, address=address):
                return address, job.finish()


def test_a_new_version_stops_the_job_until_the_old_one_is_back(case: Case, target: Path) -> None:
    address, stopped = swapped(case, target)
    assert stopped.code == 3
    assert f"toys version 1 (digest {digest(case)[:12]}), which priced the first" in stopped.stderr
    assert "--accept-new-model" in stopped.stderr
    with serving(case.other_models, address=address):
        assert score(case.source, target, server=address).code == 3
    with serving(case.models, address=address):
        same(case, target, score(case.source, target, server=address))


def test_an_accepted_new_version_prices_the_rest_and_its_rows_say_so(
    case: Case, target: Path, folder: Path
) -> None:
    address, done = swapped(case, target, "--accept-new-model")
    assert done.code == 0, done.stderr
    first, second = done.report["models"]
    assert (first["version"], second["version"], first["first_row"]) == (1, 2, 0)
    assert PAUSE * STEP_ROWS <= second["first_row"] <= ROWS - 1
    with serving(case.other_models, address=address):
        whole = score(case.source, target.with_stem("new"), server=address)
    assert whole.code == 0
    old, new, mixed = (table(path) for path in (case.expected, target.with_stem("new"), target))
    cut = second["first_row"]
    pd.testing.assert_frame_equal(mixed[:cut], old[:cut])
    pd.testing.assert_frame_equal(mixed[cut:], new[cut:])
    assert set(mixed["model"]) == {f"1-{first['digest'][:12]}", f"2-{second['digest'][:12]}"}


@pytest.mark.parametrize("change", ["a byte that was read", "more rows"])
def test_an_input_that_changed_is_refused(
    case: Case, target: Path, toy_server: App, tmp_path: Path, change: str
) -> None:
    source = tmp_path / case.source.name
    shutil.copy(case.source, source)
    with started(source, target, server=toy_server.address, pause_after=PAUSE) as job:
        job.wait_paused()
        job.kill()
    data = bytearray(source.read_bytes())
    if change == "more rows":
        data += b"\n"
    else:
        data[1000] ^= 1
    source.write_bytes(data)
    refused = score(source, target, server=toy_server.address)
    assert refused.code == 2
    assert f"cannot go on at row {PAUSE * STEP_ROWS + 1:,}" in refused.stderr
    shutil.copy(case.source, source)
    same(case, target, score(source, target, server=toy_server.address))


def digest(case: Case) -> str:
    """Digest of version 1, as its rows' `model` tells its beginning."""
    return str(table(case.expected)["model"][0]).removeprefix("1-")


def table(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
