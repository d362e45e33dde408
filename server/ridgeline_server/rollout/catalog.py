"""The served versions and the choice between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ridgeline.artifact import ArtifactError
from ridgeline.reasons import Reason
from ridgeline_server.engine.artifact import SignatureCheck, Version, load
from ridgeline_server.errors import NotServed, PreconditionFailed
from ridgeline_server.rollout.directories import highest, model_directories


@dataclass(frozen=True, slots=True)
class Pin:
    """How a caller names a version. Nothing set: the server's policy decides."""

    version: int | None = None
    label: str | None = None
    digest: str | None = None


class Catalog:
    """Served versions by model name and number; the highest number answers unless the caller pins another."""

    def __init__(self, models: Mapping[str, Mapping[int, Version]], default: str) -> None:
        self._models = {name: dict(sorted(versions.items())) for name, versions in models.items()}
        self._default = default

    def resolve(self, model: str, pin: Pin) -> Version:
        """Return the version that answers.

        Raises:
            NotServed: no such model, version or label.
            PreconditionFailed: no served version has the pinned digest.
        """
        name = model or self._default
        versions = self._models.get(name)
        if versions is None:
            served = ", ".join(self._models)
            raise NotServed(Reason.UNKNOWN_MODEL, f"model {name!r} is not served: use one of {served}")
        if pin.digest is not None:
            return self._by_digest(name, versions, pin.digest)
        if pin.label is not None:
            message = f"no version of {name!r} has the label {pin.label!r}: no labels are set"
            raise NotServed(Reason.UNKNOWN_LABEL, message)
        number = next(reversed(versions)) if pin.version is None else pin.version
        if number not in versions:
            served = ", ".join(map(str, versions))
            message = f"version {number} of {name!r} is not served: use one of {served}"
            raise NotServed(Reason.UNKNOWN_VERSION, message)
        return versions[number]

    def _by_digest(self, name: str, versions: Mapping[int, Version], digest: str) -> Version:
        for version in versions.values():
            if version.digest == digest:
                return version
        message = f"no served version of {name!r} has the digest {digest!r}: describe the model again"
        raise PreconditionFailed(Reason.DIGEST_NOT_SERVED, message)

    def served_versions(self, model: str) -> list[int]:
        """Version numbers of a served model, ascending."""
        return list(self._models[model])

    def __iter__(self) -> Iterator[Version]:
        return (v for versions in self._models.values() for v in versions.values())


def load_catalog(
    models: Path,
    default: str,
    versions: Mapping[str, int] | None = None,
    check_signature: SignatureCheck | None = None,
) -> Catalog:
    """Load one version of every model below `models`.

    Args:
        models: directory of model directories of version directories.
        default: the model that answers when a caller names none; "" when there is only one.
        versions: the versions to load by model name; None: the highest of each.
        check_signature: what every version must pass first; None: signatures are not looked at.

    Raises:
        ArtifactError: with everything that stops the server from starting.
    """
    directories = model_directories(models)
    chosen = highest(directories) if versions is None else versions
    loaded: dict[str, dict[int, Version]] = {}
    problems: list[str] = []
    for name, number in chosen.items():
        directory = directories.get(name, {}).get(number)
        if directory is None:
            problems.append(f"version {number} of {name!r} is gone: put it back, or restart the server")
            continue
        try:
            loaded[name] = {number: load(directory, check_signature)}
        except ArtifactError as error:
            problems += [f"{error.where}: {problem}" for problem in error.problems]
    if not default and len(chosen) > 1:
        problems.append(f"there are several models ({', '.join(chosen)}): say --model NAME")
    if default and default not in chosen:
        problems.append(f"there is no model {default!r}, only {', '.join(chosen)}")
    if problems:
        raise ArtifactError("cannot serve", problems)
    return Catalog(loaded, default or next(iter(loaded)))
