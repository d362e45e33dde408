"""The progress file: what was saved is what is loaded, whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ridgeline_client.score import progress
from ridgeline_client.score.errors import JobRefused
from ridgeline_client.score.progress import Input, Progress, Stint
from ridgeline_client.score.summary import BadRow, Counts

STATE = Progress(
    job_id="é" * 3,
    input=Input(10, 5, "ab"),
    options={"record_id": None, "keep": True, "version": 3, "output": "csv"},
    stints=(Stint("toys", 1, "d1", 0), Stint("toys", 2, "d2", 20_000)),
    rows=40_000,
    length=1234,
    counts=Counts(9, {"IMPUTED": 3}, {"IMPUTED": {"ram": 3}}, (BadRow(7, "no\nnumber"),)),
    finished=True,
)


@pytest.mark.parametrize("state", [STATE, Progress("", Input(0), {}, ())], ids=["full", "new"])
def test_what_was_saved_is_loaded(tmp_path: Path, state: Progress) -> None:
    state.save(tmp_path / "progress.json")
    assert progress.load(tmp_path / "progress.json") == state
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]


def test_no_file_is_no_progress(tmp_path: Path) -> None:
    assert progress.load(tmp_path / "progress.json") is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b"1", b'"text"', b"null", b"{}", b'{"format_version": 1}']
)
def test_what_is_no_progress_file_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "progress.json"
    path.write_bytes(content)
    with pytest.raises(JobRefused, match=f"{path} .*--restart"):
        progress.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": progress.FORMAT_VERSION + 1},
        {"surprise": 1},
        {"input": {"size": 1, "surprise": 2}},
        {"counts": None},
        {"stints": [1]},
    ],
)
def test_a_file_of_another_version_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "progress.json"
    STATE.save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(JobRefused, match="another version of this command"):
        progress.load(path)


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_save_that_fails_leaves_the_old_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    path = tmp_path / "progress.json"
    STATE.save(path)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if broken == "fsync" else Path, broken, full)
    with pytest.raises(OSError, match="No space"):
        Progress("", Input(0), {}, ()).save(path)
    assert progress.load(path) == STATE


def test_the_bytes_are_on_the_disk_before_the_name_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    for owner, name in ((os, "fsync"), (Path, "replace")):
        real = getattr(owner, name)

        def noted(*arguments: object, real: object = real, name: str = name) -> object:
            happened.append(name)
            assert callable(real)
            return real(*arguments)

        monkeypatch.setattr(owner, name, noted)
    STATE.save(tmp_path / "progress.json")
    assert happened == ["fsync", "replace", "fsync"]
