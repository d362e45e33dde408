"""Version directories appear whole, once, under the next free number."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ridgeline_export.release import publish

FILES = {"model.onnx": b"graph", "linear.json": b"{}"}


def manifest(version: int) -> bytes:
    return f"version {version}".encode()


def test_versions_count_from_one_and_skip_no_number(tmp_path: Path) -> None:
    model = tmp_path / "models" / "m"
    assert [publish(model, FILES, manifest).name for _ in range(3)] == ["1", "2", "3"]
    assert {path.name: path.read_bytes() for path in (model / "2").iterdir()} == FILES | {
        "manifest.json": b"version 2"
    }
    assert sorted(path.name for path in model.iterdir()) == ["1", "2", "3"]


def test_a_number_once_used_is_not_used_again(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    assert publish(tmp_path, FILES, manifest).name == "8"


def test_nothing_is_left_of_a_version_that_fails(tmp_path: Path) -> None:
    def broken(version: int) -> bytes:
        raise RuntimeError("no manifest")

    with pytest.raises(RuntimeError, match="no manifest"):
        publish(tmp_path, FILES, broken)
    assert list(tmp_path.iterdir()) == []


def test_a_version_is_complete_when_it_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []
    rename = Path.rename

    def watched(source: Path, target: Path) -> Path:
        assert not target.exists()
        seen.append({path.name for path in source.iterdir()})
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", watched)
    publish(tmp_path, FILES, manifest)
    assert seen == [{"model.onnx", "linear.json", "manifest.json"}]


def test_exporters_that_meet_take_different_numbers(tmp_path: Path) -> None:
    barrier = threading.Barrier(4)
    published: list[Path] = []

    def meeting(version: int) -> bytes:
        if version == 1:
            barrier.wait(timeout=30)
        return manifest(version)

    threads = [
        threading.Thread(target=lambda: published.append(publish(tmp_path, FILES, meeting))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(path.name for path in published) == ["1", "2", "3", "4"]
    for path in published:
        assert (path / "manifest.json").read_bytes() == manifest(int(path.name))


def test_a_published_version_can_be_read_by_others(tmp_path: Path) -> None:
    path = publish(tmp_path, FILES, manifest)
    assert path.stat().st_mode & 0o777 == 0o755
    assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {0o644}
