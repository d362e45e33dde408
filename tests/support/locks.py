"""Lock files: the pins in them, their hashes and where they apply."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]

_PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[\w.+!-]+)(?: ; (?P<marker>.*?))?(?: \\)?$", re.MULTILINE)
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """One entry of a lock file.

    Attributes:
        name: the package, normalised.
        marker: where it applies; None: everywhere.
        hashes: of its files, each `sha256:...`.
        text: the entry as it stands, with the comments that say who asked for it.
    """

    name: str
    version: str
    marker: Marker | None
    hashes: frozenset[str]
    text: str

    def applies(self, environment: dict[str, str]) -> bool:
        """Whether it is installed there."""
        return self.marker is None or self.marker.evaluate(environment)


def every_lock() -> list[Path]:
    """The lock files of the project, whatever they are for."""
    return [
        ROOT / "requirements.lock",
        *sorted(path for top in ("deploy", "proto", "tests") for path in (ROOT / top).rglob("*.lock")),
    ]


def pins(lock: Path) -> list[Pin]:
    """The entries of a lock file in its order."""
    entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8"))
    return [_pin(found, entry) for entry in entries if (found := _PIN.match(entry))]


def _pin(found: re.Match[str], entry: str) -> Pin:
    marker = Marker(found["marker"]) if found["marker"] else None
    hashes = frozenset(_HASH.findall(entry))
    return Pin(canonicalize_name(found["name"]), found["version"], marker, hashes, entry)
