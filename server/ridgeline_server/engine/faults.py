"""Violations found by whole columns at a time, told one by one only as far as they are listed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ridgeline.artifact import Kind
from ridgeline.reasons import Reason
from ridgeline_server.domain import Places
from ridgeline_server.errors import Violation

LISTED = 1_000
"""How many violations of one request are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason for one feature, in many rows.

    Attributes:
        reason: why the rows are refused.
        rows: int [c], the row of each violation, ascending.
        feature: the feature's name, "" for the whole row.
        message: sentence for place i of `rows`.
        kind: under which map of a record the feature was sent; None for the whole row.
    """

    reason: Reason
    rows: Places
    feature: str
    message: Callable[[int], str]
    kind: Kind | None = None

    def violation(self, at: int) -> Violation:
        """Tell the violation at place `at`."""
        # Quoted as JSON, so that a name with quotes in it is still one name to whoever reads the path.
        path = f"{self.kind}[{json.dumps(self.feature, ensure_ascii=False)}]" if self.kind else ""
        return Violation(self.reason, self.message(at), path, self.feature, int(self.rows[at]))


def always(text: str) -> Callable[[int], str]:
    """The same text at every place."""
    return lambda _: text


def listed(faults: Sequence[Fault]) -> tuple[Violation, ...]:
    """Tell the first `LISTED` violations in row order."""
    if not faults:
        return ()
    rows = np.concatenate([f.rows for f in faults])
    which = np.repeat(np.arange(len(faults)), [len(f.rows) for f in faults])
    place = np.concatenate([np.arange(len(f.rows)) for f in faults])
    first = np.argsort(rows, kind="stable")[:LISTED]
    return tuple(faults[which[i]].violation(int(place[i])) for i in first)
