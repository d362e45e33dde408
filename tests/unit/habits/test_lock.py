"""The lock files are in step with pyproject.toml: checked offline, both ways."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PINNED = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[\w.+!-]+)", re.MULTILINE)
OURS = "ridgeline (pyproject.toml)"

in_step = pytest.mark.parametrize(
    ("lock", "extra"), [("requirements.lock", "dev"), ("deploy/server.lock", "server")]
)


def _required(extra: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(_expanded(extra, project["optional-dependencies"]))


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


@in_step
def test_every_requirement_is_pinned_inside_its_range(lock: str, extra: str) -> None:
    entries = _entries(lock)
    stale = [
        f"{requirement}: pinned {versions}"
        for requirement in _required(extra)
        for versions in [_versions(entries.get(canonicalize_name(requirement.name), []))]
        if not versions or not all(requirement.specifier.contains(v, prereleases=True) for v in versions)
    ]
    assert stale == [], "run: make lock"


@in_step
def test_nothing_is_pinned_that_is_no_longer_required(lock: str, extra: str) -> None:
    required = {canonicalize_name(requirement.name) for requirement in _required(extra)}
    locked = {name for name, entries in _entries(lock).items() if any(OURS in e for e in entries)}
    assert locked == required, "run: make lock"


@pytest.mark.parametrize("lock", ["deploy/server.lock", "deploy/build.lock"])
def test_the_image_has_what_the_tests_ran_with(lock: str) -> None:
    tested = _entries("requirements.lock")
    assert {name: _versions(entries) for name, entries in _entries(lock).items()} == {
        name: _versions(tested[name]) for name in _entries(lock)
    }


def test_every_pin_of_every_lock_has_a_hash() -> None:
    locks = ["requirements.lock", "proto/requirements-protoc.lock"]
    locks += [
        str(path.relative_to(ROOT))
        for folder in ("deploy", "tests/compat")
        for path in (ROOT / folder).glob("*.lock")
    ]
    assert len(locks) == 6
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
