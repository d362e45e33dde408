"""What pip-audit is asked, and what its answer means: never a pass for what was not looked at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from support.locks import Pin

PASSED, VULNERABLE, NOT_AUDITED = 0, 1, 2
"""Exit codes of `deploy/supply/audit.py`."""

Version = tuple[str, str]
"""A package's name and its version."""


def rounds(locked: Iterable[Pin]) -> list[dict[str, str]]:
    """Name -> version, as often as needed for every version: pip-audit takes one of each package."""
    made: list[dict[str, str]] = []
    for name, version in sorted({(pin.name, pin.version) for pin in locked}):
        free = next((each for each in made if name not in each), None)
        if free is None:
            made.append(free := {})
        free[name] = version
    return made


def verdict(answers: Sequence[str], asked: Sequence[dict[str, str]]) -> tuple[int, list[str]]:
    """The exit code, and what to say.

    Args:
        answers: the JSON of each round, "" where there is none.
        asked: the rounds.
    """
    known: set[Version] = set()
    holes: list[str] = []
    for answer in answers:
        for part in json.loads(answer)["dependencies"] if answer else []:
            if "skip_reason" in part:
                continue
            known.add((part["name"], part["version"]))
            holes += [
                f"{part['name']} {part['version']}: {hole['id']}, mended in "
                f"{', '.join(hole['fix_versions']) or 'no version yet'}"
                for hole in part["vulns"]
            ]
    wanted = {version for each in asked for version in each.items()}
    unknown = sorted(f"{name} {version}" for name, version in wanted - known)
    if unknown:
        few = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        text = f"Not audited: no answer about {len(unknown)} of {len(wanted)} packages ({few})."
        advice = "It asks the public index of Python packages, which must be reachable: mirrors have none."
        return NOT_AUDITED, [*holes, text, advice]
    if holes:
        return VULNERABLE, [*holes, "Take newer versions: make lock UPGRADE=1"]
    return PASSED, [f"{len(wanted)} packages of all locks: no known vulnerability"]
