"""A scored file is a function of its input: not of streams, chunks, the server's limits or what broke."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ridgeline_client import PricingClient
from ridgeline_client.score import outputs, stint
from ridgeline_client.score.columns import ColumnOptions
from ridgeline_client.score.job import Job
from ridgeline_client.score.options import JobOptions
from ridgeline_client.score.progress import Progress
from ridgeline_client.score.stint import StintRun
from support.score import big_toys, write
from support.servers import serving

ROWS = 2_350
STEP = 1_000
MAX_ROWS = (5_000, 300, 60)  # chunks of 1,000, 250 and 50 rows
OUTPUTS = ("out.csv", "out.csv.gz", "out.csv.zst", "out.parquet")
TIMEOUT = 30.0


class Unwatched:
    def begun(self, *_about: object) -> None: ...

    def advanced(self, *_how_far: object) -> None: ...


class Killed(BaseException):
    """The process ends here."""


@dataclass(frozen=True)
class Attempt:
    """One run of the command: on which server, with how many streams, killed after which step (0: none)."""

    max_rows: int = MAX_ROWS[0]
    streams: int = 1
    killed_after: int = 0


@dataclass(frozen=True)
class World:
    """Servers by what they take at once, a table by format, and its scores by name of the output."""

    servers: dict[int, str]
    sources: dict[str, Path]
    expected: dict[str, bytes]


def table() -> pd.DataFrame:
    """Toys; in every second row one to three values are out of their valid range or infinite."""
    frame = big_toys(ROWS)
    place = np.arange(ROWS)
    frame.loc[place % 2 == 0, "weight"] = -1.0 - place[place % 2 == 0]
    frame.loc[place % 4 == 0, "ram"] = 5_000.0 + place[place % 4 == 0]
    frame.loc[place % 8 == 0, "screen"] = np.inf
    return frame


def run(world: World, source: Path, target: Path, attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Score the table; False when it was killed."""
    committed = StintRun._committed
    steps = 0

    def killing(self: StintRun, state: Progress, first: int) -> Progress:
        nonlocal steps
        state = committed(self, state, first)
        steps += 1
        if steps == attempt.killed_after:
            raise Killed
        return state

    options = JobOptions(ColumnOptions("sku"), streams=attempt.streams, progress_timeout=TIMEOUT)
    address = world.servers[attempt.max_rows]
    job = Job(source, target, lambda: PricingClient(address, timeout=TIMEOUT), options, Unwatched())
    with monkeypatch.context() as patch:
        patch.setattr(StintRun, "_committed", killing)
        try:
            job.run()
        except Killed:
            return False
    return True


@pytest.fixture(scope="module", autouse=True)
def small_steps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stint, "STEP_ROWS", STEP)
        for kind in (outputs.CsvOutput, outputs.ParquetOutput):
            patch.setattr(kind, "step_rows", STEP)
        yield


@pytest.fixture(scope="module")
def world(toy_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("bytes")
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        apps = {rows: stack.enter_context(serving(toy_models, max_rows=rows)) for rows in MAX_ROWS}
        sources = {kind: write(table(), directory / f"in.{kind}") for kind in ("csv", "parquet")}
        made = World({rows: app.address for rows, app in apps.items()}, sources, {})
        for name in OUTPUTS:
            assert run(made, sources["csv"], directory / name, Attempt(), patch)
            made.expected[name] = (directory / name).read_bytes()
        yield made


ATTEMPTS = st.builds(Attempt, st.sampled_from(MAX_ROWS), st.integers(1, 6), st.integers(1, 3))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["csv", "parquet"]),
    name=st.sampled_from(OUTPUTS),
    attempts=st.lists(ATTEMPTS, max_size=3),
)
@example(kind="csv", name="out.csv", attempts=[Attempt(300, 4, 1), Attempt(60, 1, 1), Attempt(60, 3, 1)])
@example(kind="parquet", name="out.parquet", attempts=[Attempt(60, 2, 2), Attempt(5_000, 6, 1)])
@example(kind="parquet", name="out.csv.gz", attempts=[Attempt(300, 6, 3)])
def test_whatever_happened_on_the_way_the_bytes_are_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str, name: str, attempts: list[Attempt]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / name
        finished = any(run(world, world.sources[kind], target, attempt, monkeypatch) for attempt in attempts)
        if not finished:
            last = attempts[-1] if attempts else Attempt(MAX_ROWS[1], 2)
            assert run(world, world.sources[kind], target, Attempt(last.max_rows, last.streams), monkeypatch)
        assert target.read_bytes() == world.expected[name]
        assert [path.name for path in Path(directory).iterdir()] == [name]


def test_the_reference_has_rows_of_every_sort(world: World) -> None:
    lines = world.expected["out.csv"].decode().splitlines()
    assert len(lines) == 1 + ROWS
    errors = [line for line in lines if ",128," in line]
    assert len(errors) == ROWS // 2
    assert sum("; " in line for line in errors) >= ROWS // 4
