"""Files of a version: names, digests, reading and writing of the JSON parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ridgeline.artifact.manifest import FORMAT_MAJOR, Manifest

MODEL_FILE = "model.onnx"
NUMERIC_FILE = "numeric.onnx"
MANIFEST_FILE = "manifest.json"
LINEAR_FILE = "linear.json"
REFERENCE_FILE = "reference.json"
GOLDEN_FILE = "golden.npz"
SIGNATURE_FILE = "manifest.sig"

NUMERIC_INPUT = "numeric"
CATEGORICAL_INPUT = "categorical"
PRICE_OUTPUT = "price"
EFFECTS_OUTPUT = "category_effects"
NUMERIC_OUTPUT = "numeric_price"

PARITY_TOLERANCE = 1e-6
"""A price may differ from scikit-learn's by this times max(1, |price|)."""


class ArtifactError(Exception):
    """An artifact cannot be used. `problems` has one sentence for each thing that is wrong."""

    def __init__(self, where: str, problems: Iterable[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        super().__init__(f"{where}: " + "; ".join(self.problems))


def digest(content: bytes) -> str:
    """Lower-case hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


def to_bytes(part: BaseModel) -> bytes:
    """Serialise a part of the artifact as indented UTF-8 JSON with a final newline."""
    return (part.model_dump_json(indent=2) + "\n").encode()


PartT = TypeVar("PartT", bound=BaseModel)


def parse(kind: type[PartT], content: bytes, where: str) -> PartT:
    """Read one JSON part of an artifact.

    Raises:
        ArtifactError: it is not JSON, of another major format, or fields are missing or wrong (all named).
    """
    try:
        raw = json.loads(content)
    except ValueError as error:
        raise ArtifactError(where, [f"is not JSON ({error})"]) from None
    if kind is Manifest and isinstance(raw, dict):
        _check_format(str(raw.get("format_version", "")), where)
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()]
        raise ArtifactError(where, problems) from None


def _check_format(version: str, where: str) -> None:
    if version.split(".", maxsplit=1)[0] != str(FORMAT_MAJOR):
        expected = f"this software reads {FORMAT_MAJOR}.x; export the model again or upgrade"
        raise ArtifactError(where, [f"format_version is {version!r}, {expected}"])


def version_directories(model: Path) -> dict[int, Path]:
    """Return the version directories below `model` by version number, ascending; other names are ignored."""
    found = {
        int(p.name): p for p in model.iterdir() if p.is_dir() and p.name.isdecimal() and p.name[0] != "0"
    }
    return dict(sorted(found.items()))
