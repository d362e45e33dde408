"""The tables of docs/metrics.md."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
SUPERVISOR_ONLY = {"ridgeline_workers", "ridgeline_worker_restarts_total"}
"""What only a server with several workers has."""


def documented() -> dict[str, tuple[str, set[str], str]]:
    """Type, labels and help of every metric."""
    lines = [line for line in PAGE.splitlines() if re.match(r"\| `(?:ridgeline|process)_", line)]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {
        name.strip("`"): (kind, set(re.findall(r"`(\w+)`", labels)), text)
        for name, kind, labels, _, text, _ in rows
    }
