"""The list of the image's parts and the audit of the locks say what is so, or fail."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from packaging.markers import Marker

from support.audit import NOT_AUDITED, PASSED, VULNERABLE, rounds, verdict
from support.locks import ROOT, Pin, every_lock, pins
from support.sbom import in_image, sbom_problems

HASHES = frozenset({f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"})
ONE, OTHER = Pin("one", "1.0", None, HASHES, ""), Pin("other", "2.0", None, frozenset(), "")
ASKED = [{"one": "1.0", "other": "2.0"}]

Change = Callable[[dict[str, Any]], object]


def sbom() -> dict[str, Any]:
    digests = [{"alg": "SHA-256", "content": each.removeprefix("sha256:")} for each in sorted(HASHES)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": {"name": "ridgeline", "version": "0.1.0"}},
        "components": [
            {"purl": "pkg:pypi/one@1.0", "externalReferences": [{"hashes": digests}]},
            {"purl": "pkg:pypi/other@2.0"},
        ],
    }


def test_a_list_of_every_pin_with_its_hashes_is_right() -> None:
    assert sbom_problems(sbom(), [ONE, OTHER], "0.1.0") == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda s: s.update(specVersion="1.4"), "it is not CycloneDX 1.6"),
        (lambda s: s["metadata"].clear(), "its main component is not ridgeline 0.1.0"),
        (lambda s: s["components"].pop(), "pkg:pypi/other@2.0 is not in it"),
        (
            lambda s: s["components"].append({"purl": "pkg:pypi/more@3"}),
            "pkg:pypi/more@3 is in it, and not in the lock",
        ),
        (
            lambda s: s["components"][0]["externalReferences"][0]["hashes"].pop(),
            "pkg:pypi/one@1.0 has other hashes than the lock",
        ),
    ],
)
def test_a_list_that_says_something_else_is_not(change: Change, problem: str) -> None:
    changed = copy.deepcopy(sbom())
    change(changed)
    assert sbom_problems(changed, [ONE, OTHER], "0.1.0") == [problem]


def test_of_each_package_one_version_is_in_the_image() -> None:
    locked = pins(ROOT / "deploy/server.lock")
    inside = [pin.name for pin in locked if in_image(pin)]
    assert len(inside) == len(set(inside))
    assert set(inside) == {pin.name for pin in locked}
    windows = Pin("colorama", "0.4.6", Marker("sys_platform == 'win32'"), HASHES, "")
    assert not in_image(windows)


def test_every_version_of_every_lock_is_asked_about_and_each_once_a_round() -> None:
    locked = [pin for lock in every_lock() for pin in pins(lock)]
    asked = rounds(locked)
    assert {(n, v) for each in asked for n, v in each.items()} == {(pin.name, pin.version) for pin in locked}
    assert sum(map(len, asked)) == len({(pin.name, pin.version) for pin in locked})
    assert len(asked) > 1, "some packages are locked in several versions"


def answer(*vulnerable: str, skipped: str = "") -> str:
    parts: list[dict[str, Any]] = []
    for name, version in ASKED[0].items():
        holes = [{"id": "PYSEC-1", "fix_versions": ["9.1"]}] if name in vulnerable else []
        part = (
            {"name": name, "skip_reason": "not found"} if name == skipped else {"name": name, "vulns": holes}
        )
        parts.append({"version": version, **part})
    return json.dumps({"dependencies": parts})


def test_no_known_vulnerability_is_a_pass() -> None:
    assert verdict([answer()], ASKED) == (PASSED, ["2 packages of all locks: no known vulnerability"])


def test_a_vulnerability_is_named_with_its_remedy() -> None:
    code, told = verdict([answer("other")], ASKED)
    assert code == VULNERABLE
    assert told[0] == "other 2.0: PYSEC-1, mended in 9.1"


@pytest.mark.parametrize("said", ["", answer(skipped="other"), answer("one", skipped="other")])
def test_what_was_not_looked_at_is_no_pass(said: str) -> None:
    code, told = verdict([said], ASKED)
    assert code == NOT_AUDITED
    assert any(line.startswith("Not audited: no answer about ") for line in told)
    assert any("PYSEC-1" in line for line in told) == ("PYSEC-1" in said)
