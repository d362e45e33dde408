"""Which models and versions a directory holds. No model runtime is imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ridgeline.artifact import ArtifactError, version_directories


def highest(directories: Mapping[str, Mapping[int, Path]]) -> dict[str, int]:
    """The highest version number of each model, of what `model_directories` returned."""
    return {name: max(versions) for name, versions in directories.items()}


def model_directories(models: Path) -> dict[str, dict[int, Path]]:
    """Version directories below `models` by model name and version number, numbers ascending.

    Raises:
        ArtifactError: there is no model.
    """
    if not models.is_dir():
        raise ArtifactError(
            str(models), ["is no directory: export a model there first (ridgeline-export train)"]
        )
    found = {p.name: version_directories(p) for p in sorted(models.iterdir()) if p.is_dir()}
    found = {name: versions for name, versions in found.items() if versions}
    if not found:
        expected = "expected NAME/VERSION/manifest.json (ridgeline-export train writes it)"
        if version_directories(models):
            expected += f"; this is one model, did you mean {models.parent}?"
        raise ArtifactError(str(models), [f"holds no model: {expected}"])
    return found
