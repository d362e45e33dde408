"""The lock file is in step with pyproject.toml: checked offline, both ways."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PINNED = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[\w.+!-]+)", re.MULTILINE)
OURS = "ridgeline (pyproject.toml)"


def _required() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(_expanded("dev", project["optional-dependencies"]))


def _expanded(extra: str, extras: dict[str, list[str]]) -> Iterator[Requirement]:
    for text in extras[extra]:
        requirement = Requirement(text)
        if requirement.name == "ridgeline":
            for inner in requirement.extras:
                yield from _expanded(inner, extras)
        else:
            yield requirement


def _entries(lock: str) -> dict[str, list[str]]:
    """Name -> its entries: the pin, the hashes and the comments that say who asked for it."""
    entries: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / lock).read_text(encoding="utf-8")):
        if pin := PINNED.match(entry):
            entries.setdefault(canonicalize_name(pin["name"]), []).append(entry)
    return entries


def _versions(entries: list[str]) -> list[str]:
    return [pin["version"] for entry in entries if (pin := PINNED.match(entry))]


def test_every_requirement_is_pinned_inside_its_range() -> None:
    entries = _entries("requirements.lock")
    stale = [
        f"{requirement}: pinned {versions}"
        for requirement in _required()
        for versions in [_versions(entries.get(canonicalize_name(requirement.name), []))]
        if not versions or not all(requirement.specifier.contains(v, prereleases=True) for v in versions)
    ]
    assert stale == [], "run: make lock"


def test_nothing_is_pinned_that_is_no_longer_required() -> None:
    required = {canonicalize_name(requirement.name) for requirement in _required()}
    locked = {
        name for name, entries in _entries("requirements.lock").items() if any(OURS in e for e in entries)
    }
    assert locked == required, "run: make lock"


def test_every_pin_of_every_lock_has_a_hash() -> None:
    locks = ["requirements.lock", "proto/requirements-protoc.lock"]
    locks += [f"tests/compat/{path.name}" for path in (ROOT / "tests/compat").glob("*.lock")]
    assert len(locks) == 4
    bare = [
        f"{lock}: {name}"
        for lock in locks
        for name, entries in _entries(lock).items()
        if not all("--hash=sha256:" in entry for entry in entries)
    ]
    assert bare == []


def test_the_compat_locks_hold_both_ends_of_what_the_client_allows() -> None:
    old = _versions(_entries("tests/compat/protobuf-6.33.lock")["protobuf"])
    new = _versions(_entries("tests/compat/protobuf-7.lock")["protobuf"])
    assert [version.startswith("6.33.") for version in old] == [True]
    assert new == _versions(_entries("requirements.lock")["protobuf"])
