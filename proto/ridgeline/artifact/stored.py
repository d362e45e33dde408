"""A version as it is stored: its files are read once, and what was checked is what is used."""

from __future__ import annotations

from pathlib import Path

from ridgeline.artifact.files import (
    GOLDEN_FILE,
    LINEAR_FILE,
    MODEL_FILE,
    NUMERIC_FILE,
    REFERENCE_FILE,
    ArtifactError,
    digest,
)
from ridgeline.artifact.manifest import Manifest

_FILES = (MODEL_FILE, LINEAR_FILE, REFERENCE_FILE, GOLDEN_FILE)  # and NUMERIC_FILE with numeric features


def read_file(directory: Path, name: str) -> bytes:
    """Return the content of one file of the version in `directory`.

    Raises:
        ArtifactError: it cannot be read.
    """
    try:
        return (directory / name).read_bytes()
    except OSError as error:
        raise ArtifactError(str(directory), [f"cannot read {name}: {error.strerror}"]) from error


def read_checked(directory: Path, manifest: Manifest) -> dict[str, bytes]:
    """Return the contents of the files beside the manifest by name, each as the manifest's digest says.

    Raises:
        ArtifactError: with every file that is missing, has no digest or is another one.
    """
    contents: dict[str, bytes] = {}
    files = (*_FILES, NUMERIC_FILE) if manifest.numeric else _FILES
    problems = [f"the manifest has no digest of {name}" for name in files if name not in manifest.files]
    for name in files:
        try:
            contents[name] = read_file(directory, name)
        except ArtifactError as error:
            problems += error.problems
            continue
        if name in manifest.files and digest(contents[name]) != manifest.files[name]:
            problems.append(f"{name} is not the file the manifest was written for (its digest differs)")
    if problems:
        raise ArtifactError(str(directory), problems)
    return contents
