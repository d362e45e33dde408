"""The lock files are in step with pyproject.toml: checked offline, both ways."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.locks import ROOT, Pin, every_lock, pins

OURS = "ridgeline (pyproject.toml)"

in_step = pytest.mark.parametrize(
    ("lock", "extras"), [("requirements.lock", ["dev"]), ("deploy/server.lock", ["server", "signing"])]
)


def _required(extras: list[str]) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [each for extra in extras for each in _expanded(extra, project["optional-dependencies"])]


def _expanded(extra: str, extras: dict[str, list[str]]) -> Iterator[Requirement]:
    for text in extras[extra]:
        requirement = Requirement(text)
        if requirement.name == "ridgeline":
            for inner in requirement.extras:
                yield from _expanded(inner, extras)
        else:
            yield requirement


def _entries(lock: str) -> dict[str, list[Pin]]:
    """Name -> its pins: a package may have one for each Python."""
    entries: dict[str, list[Pin]] = {}
    for pin in pins(ROOT / lock):
        entries.setdefault(pin.name, []).append(pin)
    return entries


def _versions(entries: list[Pin]) -> list[str]:
    return [pin.version for pin in entries]


@in_step
def test_every_requirement_is_pinned_inside_its_range(lock: str, extras: list[str]) -> None:
    entries = _entries(lock)
    stale = [
        f"{requirement}: pinned {versions}"
        for requirement in _required(extras)
        for versions in [_versions(entries.get(canonicalize_name(requirement.name), []))]
        if not versions or not all(requirement.specifier.contains(v, prereleases=True) for v in versions)
    ]
    assert stale == [], "run: make lock"


@in_step
def test_nothing_is_pinned_that_is_no_longer_required(lock: str, extras: list[str]) -> None:
    required = {canonicalize_name(requirement.name) for requirement in _required(extras)}
    locked = {name for name, entries in _entries(lock).items() if any(OURS in pin.text for pin in entries)}
    assert locked == required, "run: make lock"


@pytest.mark.parametrize("lock", ["deploy/server.lock", "deploy/build.lock"])
def test_the_image_has_what_the_tests_ran_with(lock: str) -> None:
    tested = _entries("requirements.lock")
    assert {name: _versions(entries) for name, entries in _entries(lock).items()} == {
        name: _versions(tested[name]) for name in _entries(lock)
    }


def test_every_pin_of_every_lock_has_a_hash() -> None:
    locks = every_lock()
    assert len(locks) == 8
    bare = [f"{lock}: {pin.name}" for lock in locks for pin in pins(lock) if not pin.hashes]
    assert bare == []


def test_the_compat_locks_hold_both_ends_of_what_the_client_allows() -> None:
    old = _versions(_entries("tests/compat/protobuf-6.33.lock")["protobuf"])
    new = _versions(_entries("tests/compat/protobuf-7.lock")["protobuf"])
    assert [version.startswith("6.33.") for version in old] == [True]
    assert new == _versions(_entries("requirements.lock")["protobuf"])
