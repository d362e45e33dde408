"""Whole jobs against clients of no server: how a job begins, is refused, goes on, and what it asks for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridgeline.reasons import Reason
from ridgeline_client.description import Limits, ModelDescription
from ridgeline_client.errors import ModelNotFound, PreconditionFailed, Unavailable
from ridgeline_client.results import PredictionBatch
from ridgeline_client.score import outputs, store
from ridgeline_client.score.errors import JobRefused, ModelChanged, WrongTable
from ridgeline_client.score.job import Job, Report
from ridgeline_client.score.options import JobOptions
from ridgeline_client.score.outputs import STEP_ROWS
from ridgeline_client.score.stint import LARGEST_CHUNK, _chunk_rows
from support.fake_pricing import DIGEST, FakePricing, batch, described, feature

ROWS = 8
STEP = 2
OTHER = "f" * 64


class Unwatched:
    def begun(self, *_about: object) -> None: ...

    def advanced(self, *_how_far: object) -> None: ...


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of two rows, in chunks of one or two."""
    for kind in (outputs.CsvOutput, outputs.ParquetOutput):
        monkeypatch.setattr(kind, "step_rows", STEP)


def limits(rows: int) -> Limits:
    return Limits(rows, rows, 4 << 20)


SMALL = described(limits=limits(STEP))
NEXT = described(limits=limits(STEP), digest=OTHER)


def gone() -> PreconditionFailed:
    return PreconditionFailed("not served", reason=Reason.DIGEST_NOT_SERVED)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("ram,brand\n" + "".join(f"{row},a\n" for row in range(ROWS)))
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out.csv"


def run(source: Any, target: Any, pricing: FakePricing, **options: Any) -> Report:
    return Job(source, target, pricing.connect, JobOptions(**options), Unwatched()).run()


def serving(*descriptions: ModelDescription | Exception, **options: Any) -> FakePricing:
    return FakePricing(descriptions=list(descriptions or (SMALL,)), **options)


class Failing:
    """Prices so many rows, then raises."""

    def __init__(self, rows: int, error: Exception) -> None:
        self.left = rows
        self.error = error

    def __call__(self, columns: Any) -> PredictionBatch:
        self.left -= len(columns["ram"])
        if self.left < 0:
            raise self.error
        return batch(columns["ram"] + 100.0)


def broken_off(source: Path, target: Path, rows: int, **options: Any) -> FakePricing:
    pricing = serving(answer=Failing(rows, Unavailable("away")))
    with pytest.raises(Unavailable):
        run(source, target, pricing, **options)
    return pricing


def expected(source: Path, target: Path) -> bytes:
    undisturbed = target.with_name(f"undisturbed-{target.name}")
    run(source, undisturbed, serving())
    return undisturbed.read_bytes()


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet"])
@pytest.mark.parametrize("rows", range(ROWS))
@pytest.mark.parametrize("most", [1, 2])
def test_a_job_broken_off_anywhere_goes_on_to_the_same_bytes(
    source: Path, tmp_path: Path, name: str, rows: int, most: int
) -> None:
    target = tmp_path / name
    broken_off(source, target, rows)
    report = run(source, target, serving(described(limits=limits(most))))
    assert report.resumed_rows == rows // STEP * STEP
    assert report.progress.counts.priced == ROWS
    assert target.read_bytes() == expected(source, target)
    assert not store.job_directory(target).exists()


def test_rows_that_are_sent_again_go_by_the_same_job_and_number(source: Path, target: Path) -> None:
    """The server names an answer after both, so that a job that goes on does not count twice."""
    before = broken_off(source, target, 5).sent
    pricing = serving()
    run(source, target, pricing)
    jobs = {job for job, _, _ in [*before, *pricing.sent]}
    assert len(jobs) == 1
    assert [number for _, number, _ in before] == [0, 2]
    assert [number for _, number, _ in pricing.sent] == [4, 6]


def test_a_job_asks_nothing_but_prices_once_it_has_begun(source: Path, target: Path) -> None:
    """So a server that is away for a while stops nothing but streams, which wait for it."""
    begun: list[int] = []
    pricing = serving()
    pricing.on_answer = lambda _client, _number: begun.append(len(pricing.asked))
    run(source, target, pricing, streams=2)
    assert set(begun) == {len(pricing.asked)}
    assert len([asked for asked in pricing.asked if asked.digest == DIGEST]) == 3


def test_a_version_that_vanishes_stops_the_job_and_its_return_lets_it_go_on(
    source: Path, target: Path
) -> None:
    for error in (gone(), ModelNotFound("no such model")):
        with pytest.raises(ModelChanged, match="toys version 1 .*--accept-new-model"):
            run(source, target, serving(answer=Failing(3, error)))
    for error in (gone(), ModelNotFound("no such model")):
        with pytest.raises(ModelChanged, match="--accept-new-model"):
            run(source, target, serving(error))
    assert run(source, target, serving()).progress.rows == ROWS
    assert target.read_bytes() == expected(source, target)


def test_another_refusal_of_the_stream_is_not_taken_for_a_new_version(source: Path, target: Path) -> None:
    with pytest.raises(PreconditionFailed, match="fingerprint"):
        run(source, target, serving(answer=Failing(3, PreconditionFailed("fingerprint"))))


def vanishing(after: int) -> FakePricing:
    """Version 1 vanishes after so many rows; another is there then."""
    pricing = serving()
    fail = Failing(after, gone())

    def answer(columns: Any) -> PredictionBatch:
        if pricing.descriptions == [NEXT]:
            return batch(columns["ram"] + 200.0)
        try:
            return fail(columns)
        except PreconditionFailed:
            pricing.descriptions = [NEXT]
            raise

    pricing.answer = answer
    return pricing


@pytest.mark.parametrize("after", range(ROWS))
def test_an_accepted_version_prices_from_the_last_step_on_and_every_row_is_there_once(
    source: Path, target: Path, after: int
) -> None:
    report = run(source, target, vanishing(after), accept_new_model=True)
    cut = after // STEP * STEP
    rows = [line.split(",") for line in target.read_text().splitlines()[1:]]
    assert [row[0] for row in rows] == [str(n + 1) for n in range(ROWS)]
    assert [float(row[1]) for row in rows] == [n + (100 if n < cut else 200) for n in range(ROWS)]
    assert [row[-1] for row in rows] == [f"1-{DIGEST[:12] if n < cut else OTHER[:12]}" for n in range(ROWS)]
    assert [stint.first_row for stint in report.progress.stints] == ([0, cut] if cut else [0])


def test_a_pipe_gets_one_header_when_a_version_vanishes_before_the_first_row(source: Path) -> None:
    pipe = io.BytesIO()
    run(source, pipe, vanishing(0), accept_new_model=True)
    lines = pipe.getvalue().decode().splitlines()
    assert len(lines) == 1 + ROWS
    assert [line.startswith("record_id") for line in lines] == [True] + [False] * ROWS


def test_versions_that_vanish_at_once_end_the_job(source: Path, target: Path) -> None:
    with pytest.raises(ModelChanged):
        run(source, target, serving(answer=Failing(0, gone())), accept_new_model=True)


def test_an_input_that_changes_while_versions_change_is_refused(source: Path, target: Path) -> None:
    pricing = vanishing(5)
    real = pricing.answer

    def answer(columns: Any) -> PredictionBatch:
        try:
            return real(columns)
        except PreconditionFailed:
            source.write_text(source.read_text().replace("0,a", "9,a"))
            raise

    pricing.answer = answer
    with pytest.raises(JobRefused, match="changed in its first"):
        run(source, target, pricing, accept_new_model=True)


def test_a_pipe_does_not_forget_the_job_of_a_file(source: Path, target: Path) -> None:
    broken_off(source, target, 5)
    with pytest.raises(JobRefused, match="4 rows of a job that read a file are kept"):
        run(io.BytesIO(source.read_bytes()), target, serving())
    assert run(source, target, serving()).resumed_rows == 4


def test_a_restart_forgets_what_was_done(source: Path, target: Path) -> None:
    broken_off(source, target, 5)
    assert run(source, target, serving(), restart=True).resumed_rows == 0
    assert target.read_bytes() == expected(source, target)


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_output_that_is_no_file_is_refused_before_anything_is_asked(
    source: Path, tmp_path: Path, overwrite: bool
) -> None:
    pricing = serving()
    for target in (tmp_path, Path(), Path(".."), Path("/dev/null")):
        with pytest.raises(JobRefused, match="is no file"):
            run(source, target, pricing, overwrite=overwrite)
    assert not pricing.clients
    assert list(tmp_path.iterdir()) == [source]


def test_an_input_is_never_its_own_output(source: Path, tmp_path: Path) -> None:
    before = source.read_bytes()
    (tmp_path / "link.csv").symlink_to(source)
    for target in (source, tmp_path / "link.csv"):
        with pytest.raises(JobRefused, match="is the input itself"):
            run(source, target, serving(), overwrite=True)
    assert source.read_bytes() == before


def test_a_name_without_a_format_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(JobRefused, match="does not say its format"):
        run(source, tmp_path / "out.xlsx", serving())


def test_a_table_that_does_not_fit_leaves_nothing_behind(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("x\n1\n")
    with pytest.raises(WrongTable, match="in.csv is not what toys needs"):
        run(source, target, serving())
    assert list(tmp_path.iterdir()) == [source]


def test_every_client_is_closed_however_a_job_ends(source: Path, target: Path) -> None:
    failed = broken_off(source, target, 3, streams=3)
    done = serving()
    run(source, target, done, streams=3)
    assert len(failed.clients) == len(done.clients) == 4
    assert all(client.closed for client in [*failed.clients, *done.clients])


@given(st.integers(1, 60_000), st.integers(1, 1 << 25), st.integers(1, 400), st.integers(0, 50))
def test_chunks_make_up_a_step_within_every_limit(
    rows: int, size: int, numeric: int, categorical: int
) -> None:
    features = [feature(f"n{i}") for i in range(numeric)]
    features += [feature(f"c{i}", "categorical") for i in range(categorical)]
    made = _chunk_rows(described(*features, limits=Limits(rows, rows, size)))
    assert STEP_ROWS % made == 0
    assert made <= min(LARGEST_CHUNK, rows)
    assert made == 1 or made * 2 * (8 * numeric + 16 * categorical) <= size
    fitting = min(LARGEST_CHUNK, rows, size // (2 * (8 * numeric + 16 * categorical)))
    larger = np.arange(made + 1, fitting + 1)
    assert not (STEP_ROWS % larger == 0).any()


def test_a_limit_of_zero_is_none() -> None:
    assert _chunk_rows(described(limits=Limits(0, 0, 0))) == LARGEST_CHUNK
    assert _chunk_rows(described(limits=Limits(0, 0, 1))) == 1
    assert _chunk_rows(described(limits=Limits(300, 0, 0))) == 250
