"""Load one version and prove it before it may serve: digests, agreement of parts, golden rows, warm-up."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ridgeline.artifact import (
    GOLDEN_FILE,
    LINEAR_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    PARITY_TOLERANCE,
    REFERENCE_FILE,
    ArtifactError,
    LinearForm,
    Manifest,
    ReferenceProfile,
    digest,
    parse,
    schema_fingerprint,
)
from ridgeline.guard import GuardRule
from ridgeline_server.domain import Floats
from ridgeline_server.engine.linear import linear_prices
from ridgeline_server.engine.model import Model, OnnxModel
from ridgeline_server.engine.schema import Schema
from ridgeline_server.engine.validator import Validator

_FILES = (MODEL_FILE, LINEAR_FILE, REFERENCE_FILE, GOLDEN_FILE)
_WARM_UP_ROWS = (1, 1_000)


@dataclass(frozen=True, slots=True)
class Version:
    """A proved version, ready to price. `digest` is the SHA-256 of its manifest as stored."""

    manifest: Manifest
    digest: str
    linear: LinearForm
    reference: ReferenceProfile
    schema: Schema
    model: Model
    validator: Validator
    guard: GuardRule


def load(directory: Path) -> Version:
    """Read, prove and warm up the version in `directory`.

    Raises:
        ArtifactError: with every reason why the version must not serve.
    """
    where = str(directory)
    manifest_bytes = _read(directory, MANIFEST_FILE, where)
    manifest = parse(Manifest, manifest_bytes, f"{where}/{MANIFEST_FILE}")
    contents = _read_checked(directory, manifest, where)
    version = _assemble(manifest, digest(manifest_bytes), contents, where)
    problems = _disagreements(version, directory)
    if not problems:
        problems = _golden_problems(version, contents[GOLDEN_FILE])
    if problems:
        raise ArtifactError(where, problems)
    _warm_up(version)
    return version


def _read(directory: Path, name: str, where: str) -> bytes:
    try:
        return (directory / name).read_bytes()
    except OSError as error:
        raise ArtifactError(where, [f"cannot read {name}: {error.strerror}"]) from error


def _read_checked(directory: Path, manifest: Manifest, where: str) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    problems = [f"the manifest has no digest of {name}" for name in _FILES if name not in manifest.files]
    for name in _FILES:
        try:
            contents[name] = _read(directory, name, where)
        except ArtifactError as error:
            problems += error.problems
            continue
        if name in manifest.files and digest(contents[name]) != manifest.files[name]:
            problems.append(f"{name} is not the file the manifest was written for (its digest differs)")
    if problems:
        raise ArtifactError(where, problems)
    return contents


def _assemble(manifest: Manifest, own_digest: str, contents: dict[str, bytes], where: str) -> Version:
    linear = parse(LinearForm, contents[LINEAR_FILE], f"{where}/{LINEAR_FILE}")
    reference = parse(ReferenceProfile, contents[REFERENCE_FILE], f"{where}/{REFERENCE_FILE}")
    try:
        model = OnnxModel(contents[MODEL_FILE])
    except ValueError as error:
        raise ArtifactError(where, [str(error)]) from error
    problems = model.disagreements(len(manifest.numeric), len(manifest.categorical))
    schema = Schema.of(manifest)
    unknown = [t.feature for t in manifest.fallback.tables if t.feature not in schema.categorical]
    problems += [f"fallback table {name!r} is no categorical feature" for name in unknown]
    if problems:
        raise ArtifactError(where, problems)
    rule = GuardRule(
        manifest.guard,
        manifest.price_range,
        manifest.fallback,
        tuple(schema.categorical),
        len(manifest.features),
    )
    return Version(manifest, own_digest, linear, reference, schema, model, Validator(schema), rule)


def _disagreements(version: Version, directory: Path) -> list[str]:
    manifest, linear = version.manifest, version.linear
    problems = []
    if directory.name != str(manifest.version) or directory.parent.name != manifest.name:
        place = f"{directory.parent.name}/{directory.name}"
        problems.append(f"the manifest is of {manifest.name}/{manifest.version}, the directory is {place}")
    if schema_fingerprint(manifest.features) != manifest.schema_fingerprint:
        problems.append("the manifest's schema_fingerprint does not belong to its features")
    names = [f.name for f in manifest.features]
    problems += [f"the feature {name!r} is there twice" for name in set(names) if names.count(name) > 1]
    for part, terms in (("numeric", linear.numeric), ("categorical", linear.categorical)):
        expected = [f.name for f in manifest.features if f.kind == part]
        if [t.name for t in terms] != expected:
            problems.append(f"{LINEAR_FILE} has other {part} features than the manifest")
    return problems


def _golden_problems(version: Version, content: bytes) -> list[str]:
    """Score the golden rows with the graph and with the formula; whatever goes wrong is a problem."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as golden:
            numeric = np.ascontiguousarray(golden["numeric"], dtype=np.float64)
            categorical = golden["categorical"].astype(object)
            expected = golden["price"].astype(np.float64).reshape(-1)
        rows, schema = len(expected), version.schema
        shapes = ((rows, len(schema.numeric)), (rows, len(schema.categorical)))
        if not rows or (numeric.shape, categorical.shape) != shapes:
            return [f"{GOLDEN_FILE} has no rows, or not those of this model: nothing proves it"]
        graph = version.model.run(numeric, categorical)
        formula = linear_prices(version.linear, numeric, categorical)
    except Exception as error:  # noqa: BLE001  # of NumPy, zipfile or onnxruntime: not fit to serve
        return [f"{GOLDEN_FILE} cannot be scored: {error}"]
    return _differences("the graph", graph, expected) + _differences(LINEAR_FILE, formula, expected)


def _differences(what: str, price: Floats, expected: Floats) -> list[str]:
    wrong = ~(np.abs(price - expected) <= PARITY_TOLERANCE * np.maximum(1.0, np.abs(expected)))
    if not wrong.any():
        return []
    row = int(np.flatnonzero(wrong)[0])
    count = f"{what} prices {wrong.sum()} of {len(expected)} golden rows wrong"
    return [f"{count}, first row {row}: {float(price[row])!r} instead of {float(expected[row])!r}"]


def _warm_up(version: Version) -> None:
    for rows in _WARM_UP_ROWS:
        numeric = np.full((rows, len(version.schema.numeric)), np.nan)
        categorical = np.full((rows, len(version.schema.categorical)), "", dtype=object)
        version.model.run(numeric, categorical)
