"""A version that is not what it says, though its digests fit, must not serve."""

from __future__ import annotations

import io
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ridgeline.artifact import ArtifactError, digest
from ridgeline_server.engine.artifact import load
from ridgeline_server.engine.model import OnnxGraph

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def version(toy_models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_models / "toys" / "1", tmp_path / "toys" / "1"))


def forge(version: Path, name: str, content: bytes) -> None:
    """Replace a file and make the manifest fit."""
    (version / name).write_bytes(content)
    manifest = json.loads((version / "manifest.json").read_text())
    manifest["files"][name] = digest(content)
    (version / "manifest.json").write_text(json.dumps(manifest))


def forge_json(version: Path, name: str, change: Change) -> None:
    parts = json.loads((version / name).read_text())
    change(parts)
    if name == "manifest.json":
        (version / name).write_text(json.dumps(parts))
    else:
        forge(version, name, json.dumps(parts).encode())


def golden(**changes: Any) -> Callable[[Path], bytes]:
    def content(version: Path) -> bytes:
        with np.load(version / "golden.npz") as arrays:
            kept = {name: arrays[name] for name in arrays.files}
        kept |= {name: change(kept[name]) for name, change in changes.items()}
        buffer = io.BytesIO()
        np.savez(buffer, **kept)
        return buffer.getvalue()

    return content


def test_an_untouched_version_serves(version: Path) -> None:
    assert load(version).manifest.name == "toys"


def shift_base(linear: dict[str, Any]) -> None:
    linear["base"] += 0.01


def swap_terms(linear: dict[str, Any]) -> None:
    linear["numeric"].reverse()


@pytest.mark.parametrize(
    ("change", "problem"),
    [(shift_base, "linear.json prices .* golden rows wrong"), (swap_terms, "other numeric features")],
)
def test_a_formula_that_is_not_the_graph_is_refused(version: Path, change: Change, problem: str) -> None:
    forge_json(version, "linear.json", change)
    with pytest.raises(ArtifactError, match=problem):
        load(version)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (golden(price=lambda p: p + 0.01), "the graph prices .* golden rows wrong"),
        (golden(price=lambda p: p[:1]), "has no rows, or not those of this model"),
        (golden(price=lambda p: p[:0]), "has no rows, or not those of this model"),
        (golden(numeric=lambda n: n[:, :1]), "has no rows, or not those of this model"),
        (lambda version: (version / "golden.npz").read_bytes()[:-40], "cannot be scored"),
        (lambda _: b"", "cannot be scored"),
    ],
)
def test_golden_rows_that_prove_nothing_are_refused(
    version: Path, content: Callable[[Path], bytes], problem: str
) -> None:
    forge(version, "golden.npz", content(version))
    with pytest.raises(ArtifactError, match=problem):
        load(version)


def test_a_graph_that_is_none_is_refused(version: Path) -> None:
    forge(version, "model.onnx", b"no graph")
    with pytest.raises(ArtifactError, match="onnxruntime cannot load the graph"):
        load(version)


def test_a_runtime_that_prices_a_row_alone_otherwise_is_refused(
    version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = OnnxGraph.run_row
    monkeypatch.setattr(OnnxGraph, "run_row", lambda *of: math.nextafter(real(*of), math.inf))
    with pytest.raises(ArtifactError, match="row by row, prices .* golden rows wrong"):
        load(version)


def other_fingerprint(manifest: dict[str, Any]) -> None:
    manifest["features"][0]["unit"] = "TB"


def fallback_of_nothing(manifest: dict[str, Any]) -> None:
    manifest["fallback"]["tables"][0]["feature"] = "shape"


def other_major(manifest: dict[str, Any]) -> None:
    manifest["format_version"] = "3.0"


def lost_digest(manifest: dict[str, Any]) -> None:
    del manifest["files"]["linear.json"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (other_fingerprint, "schema_fingerprint does not belong to its features"),
        (fallback_of_nothing, "fallback table 'shape' is no categorical feature"),
        (other_major, "format_version is '3.0', this software reads 2.x"),
        (lost_digest, "the manifest has no digest of linear.json"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(version: Path, change: Change, problem: str) -> None:
    forge_json(version, "manifest.json", change)
    with pytest.raises(ArtifactError, match=problem):
        load(version)
