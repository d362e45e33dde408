"""The job's directory: one process at a time, nobody else's files, nothing left behind."""

from __future__ import annotations

import dataclasses
import fcntl
from pathlib import Path
from typing import IO, Any

import pytest

from ridgeline.table_blocks import prefix_sha256
from ridgeline.tables import TableError
from ridgeline_client.score import store
from ridgeline_client.score.errors import JobRefused
from ridgeline_client.score.progress import Input, Progress

STATE = Progress("job", Input(0), {}, (), rows=5, length=0)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out.csv"


def test_a_job_that_keeps_nothing_leaves_nothing(target: Path) -> None:
    with store.opened(target) as job:
        assert job.load() is None
        assert store.job_directory(target).is_dir()
    assert list(target.parent.iterdir()) == []


def test_a_job_that_kept_something_is_found_again(target: Path) -> None:
    with store.opened(target) as job:
        job.save(STATE)
    with store.opened(target) as job:
        assert job.load() == STATE
        job.clear()
        assert job.load() is None
    assert list(target.parent.iterdir()) == []


def test_only_one_has_a_job_at_a_time(target: Path) -> None:
    with store.opened(target) as job:
        job.save(STATE)
        with pytest.raises(JobRefused, match="another process is writing .*out.csv: wait for it"):
            with store.opened(target):
                pass
        assert job.load() == STATE
    with store.opened(target):
        pass


def test_whoever_waits_for_a_lock_that_is_removed_takes_the_new_one(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another job ends, and removes the directory, between opening the lock and locking it."""
    real = fcntl.flock
    ended: list[bool] = []

    def flock(lock: IO[Any], how: int) -> None:
        if not ended:
            ended.append(True)
            (store.job_directory(target) / "lock").unlink()
            store.job_directory(target).rmdir()
        real(lock, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with store.opened(target) as job:
        job.save(STATE)
        with pytest.raises(JobRefused, match="another process"):
            with store.opened(target):
                pass


def test_a_directory_that_vanishes_before_it_is_locked_is_made_again(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.mkdir
    made: list[Path] = []

    def mkdir(path: Path, **options: Any) -> None:
        real(path, **options)
        made.append(path)
        if len(made) == 1:
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with store.opened(target) as job:
        job.save(STATE)
        assert job.load() == STATE
    assert len(made) == 2


def test_a_directory_that_another_process_took_over_is_left_to_it(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.rmdir

    def rmdir(path: Path) -> None:
        (path / "lock").touch()
        real(path)

    monkeypatch.setattr(Path, "rmdir", rmdir)
    with store.opened(target):
        pass
    assert (store.job_directory(target) / "lock").exists()


def test_a_directory_of_somebody_else_is_not_touched(target: Path) -> None:
    theirs = store.job_directory(target) / "thesis.tex"
    theirs.parent.mkdir()
    theirs.write_text("years")
    with pytest.raises(JobRefused, match="out.csv.job was not made by a job: move it away"):
        with store.opened(target):
            pass
    assert theirs.read_text() == "years"
    assert [path.name for path in theirs.parent.iterdir()] == ["thesis.tex"]


def test_wherever_clearing_is_killed_the_rest_is_not_taken_for_a_job(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.opened(target) as job:
        job.save(STATE)
        for number in range(3):
            (store.job_directory(target) / f"part-{number}").touch()

    class Killed(BaseException):
        pass

    real = Path.unlink
    left = [1]

    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(Killed):
        with store.opened(target) as job:
            job.clear()
    monkeypatch.undo()
    with store.opened(target) as job:
        assert job.load() is None
        job.clear()
    assert list(target.parent.iterdir()) == []


def test_finishing_makes_the_output_appear_and_removes_the_rest(target: Path) -> None:
    with store.opened(target) as job:
        (store.job_directory(target) / "rows").write_bytes(b"a,b\n")
        done = dataclasses.replace(STATE, length=4, finished=True)
        job.save(done)
        job.finish(done)
    assert [path.name for path in target.parent.iterdir()] == ["out.csv"]
    assert target.read_bytes() == b"a,b\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_bytes(b"0123456789")
    return path


def saved_for(source: Path, consumed: int, **options: object) -> Progress:
    facts = Input(source.stat().st_size, consumed, prefix_sha256(source, consumed))
    return dataclasses.replace(STATE, input=facts, options=options)


def test_the_same_job_is_the_same_even_if_unread_bytes_differ(source: Path) -> None:
    saved = saved_for(source, 5, keep=True)
    source.write_bytes(b"01234xxxxx")
    store.check_same_job(saved, source, {"keep": True})


def test_every_difference_is_named(source: Path) -> None:
    saved = saved_for(source, 5, keep=True, record_id=None, old=1)
    source.write_bytes(b"0123x56789")
    with pytest.raises(JobRefused) as refused:
        store.check_same_job(saved, source, {"keep": False, "record_id": "sku", "new": 2})
    assert str(refused.value).splitlines() == [
        "this job cannot go on at row 6:",
        "  it was begun with keep = True, now it is False",
        "  it was begun with new = None, now it is 2",
        "  it was begun with old = 1, now it is None",
        "  it was begun with record_id = None, now it is 'sku'",
        f"  {source} changed in its first 5 bytes",
        "undo the change and go on, or begin anew with --restart",
    ]


def test_another_size_is_named_with_both(source: Path) -> None:
    saved = saved_for(source, 5)
    source.write_bytes(b"01234567890")
    with pytest.raises(JobRefused, match="in.csv had 10 bytes, now it has 11"):
        store.check_same_job(saved, source, {})


def test_an_input_that_is_not_there_any_more_is_said(source: Path) -> None:
    saved = saved_for(source, 5)
    source.unlink()
    with pytest.raises(TableError, match="in.csv: no such file"):
        store.check_same_job(saved, source, {})
