"""Load one version and prove it before it may serve: digests, agreement of parts, golden rows, warm-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ridgeline.artifact import (
    GOLDEN_FILE,
    LINEAR_FILE,
    MANIFEST_FILE,
    REFERENCE_FILE,
    ArtifactError,
    LinearForm,
    Manifest,
    ReferenceProfile,
    digest,
    parse,
    read_checked,
    read_file,
    schema_fingerprint,
)
from ridgeline.guard import GuardRule
from ridgeline_server.domain import Notice
from ridgeline_server.engine.categories import of_texts
from ridgeline_server.engine.cell_notices import imputed_notices
from ridgeline_server.engine.graphs import Graphs
from ridgeline_server.engine.plan import Plan, tabulate
from ridgeline_server.engine.proof import golden_problems
from ridgeline_server.engine.schema import Schema
from ridgeline_server.engine.single import Singles
from ridgeline_server.engine.validator import Validator

SignatureCheck = Callable[[Path, bytes], object]
"""Given a version's directory and its manifest's bytes; raises ArtifactError when the signature is wrong."""

_WARM_UP_ROWS = (1, 1_000)


@dataclass(frozen=True, slots=True)
class Version:
    """A proved version, ready to price.

    Attributes:
        digest: the SHA-256 of its manifest as stored.
        imputed: what is said of each missing feature, in tensor order.
    """

    manifest: Manifest
    digest: str
    linear: LinearForm
    reference: ReferenceProfile
    schema: Schema
    plan: Plan
    validator: Validator
    guard: GuardRule
    singles: Singles
    imputed: tuple[Notice, ...]


def load(directory: Path, check_signature: SignatureCheck | None = None) -> Version:
    """Read, prove and warm up the version in `directory`. No byte of it is parsed before its signature is
    checked, when there is a check.

    Raises:
        ArtifactError: with every reason why the version must not serve.
    """
    where = str(directory)
    manifest_bytes = read_file(directory, MANIFEST_FILE)
    if check_signature is not None:
        check_signature(directory, manifest_bytes)
    manifest = parse(Manifest, manifest_bytes, f"{where}/{MANIFEST_FILE}")
    contents = read_checked(directory, manifest)
    graphs = _graphs(contents, manifest, where)
    version = _assemble(manifest, digest(manifest_bytes), contents, graphs, where)
    problems = _disagreements(version, directory)
    if not problems:
        golden = contents[GOLDEN_FILE]
        problems = golden_problems(golden, version.schema, graphs, version.linear, version.plan)
    if problems:
        raise ArtifactError(where, problems)
    _warm_up(version)
    return version


def _graphs(contents: dict[str, bytes], manifest: Manifest, where: str) -> Graphs:
    try:
        graphs = Graphs.load(contents)
    except ValueError as error:
        raise ArtifactError(where, [str(error)]) from error
    if problems := graphs.disagreements(len(manifest.numeric), len(manifest.categorical)):
        raise ArtifactError(where, problems)
    return graphs


def _assemble(
    manifest: Manifest, own_digest: str, contents: dict[str, bytes], graphs: Graphs, where: str
) -> Version:
    linear = parse(LinearForm, contents[LINEAR_FILE], f"{where}/{LINEAR_FILE}")
    reference = parse(ReferenceProfile, contents[REFERENCE_FILE], f"{where}/{REFERENCE_FILE}")
    schema = Schema.of(manifest)
    unknown = [t.feature for t in manifest.fallback.tables if t.feature not in schema.categorical]
    if unknown:
        raise ArtifactError(where, [f"fallback table {name!r} is no categorical feature" for name in unknown])
    rule = GuardRule(
        manifest.guard,
        manifest.price_range,
        manifest.fallback,
        tuple(schema.categorical),
        len(manifest.features),
    )
    fill = np.array([term.fill for term in linear.numeric])
    plan = Plan(graphs.numbers, fill, *tabulate(schema, graphs.whole))
    singles = Singles(manifest, schema, rule, plan)
    imputed = imputed_notices(schema.features, linear)
    return Version(
        manifest, own_digest, linear, reference, schema, plan, Validator(schema), rule, singles, imputed
    )


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


def _warm_up(version: Version) -> None:
    for rows in _WARM_UP_ROWS:
        numeric = np.full((rows, len(version.schema.numeric)), np.nan)
        texts = np.full((rows, len(version.schema.categorical)), "", dtype=object)
        categories = of_texts(version.schema, texts)
        version.plan.model_prices(numeric, np.arange(numeric.size), categories)
