"""What happened to rows, by served version: counted by whole batches, read when somebody scrapes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ridgeline.artifact import Manifest
from ridgeline.guard import Action
from ridgeline.notices import NoticeKind
from ridgeline_server.domain import Tally
from ridgeline_server.errors import Violation
from ridgeline_server.monitoring.buckets import Buckets

BATCH_EDGES = (1, 10, 100, 1_000, 10_000)
"""Upper ends, in rows, of the buckets of batch sizes; one more bucket has no end."""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """What `RowTotals` has counted.

    Attributes:
        batches: batches by upper end of BATCH_EDGES, cumulative.
        rows: all rows.
        kinds: rows by notice kind; a row may have several.
        actions: rows that were not refused, by what the guard did to the price.
        errors: violations by feature ("": no feature of the model) and reason.
        intervals: rows with an interval, and the sum of the intervals' widths in the model's currency.
    """

    batches: list[tuple[str, float]]
    rows: int
    kinds: dict[NoticeKind, int]
    actions: dict[Action, int]
    errors: dict[tuple[str, str], int]
    intervals: tuple[int, float]


class RowTotals:
    """Counts the rows of one version. Safe to share between threads."""

    def __init__(self, manifest: Manifest) -> None:
        self._features = frozenset(f.name for f in manifest.features)
        self._lock = threading.Lock()
        self._batches = Buckets(BATCH_EDGES)
        self._flags: Counter[int] = Counter()
        self._errors: Counter[tuple[str, str]] = Counter()
        self._intervals = 0
        self._width = 0.0

    def add(self, tally: Tally) -> None:
        """Count a batch."""
        with self._lock:
            self._batches.add(tally.rows)
            for value, rows in tally.flags:
                self._flags[value] += rows
            self._intervals += tally.intervals
            self._width += tally.width
            for reason, feature, count in tally.violations:
                self._errors[self._label(feature), reason.value] += count

    def refuse(self, violations: Sequence[Violation]) -> None:
        """Count violations no row can be blamed for."""
        with self._lock:
            for violation in violations:
                self._errors[self._label(violation.feature), violation.reason.value] += 1

    def read(self) -> RowCounts:
        """Return what has been counted so far."""
        with self._lock:
            flags, errors = dict(self._flags), dict(self._errors)
            batches, intervals = self._batches.cumulative(), (self._intervals, self._width)
        kinds = {kind: sum(n for value, n in flags.items() if value & kind.bit) for kind in NoticeKind}
        rows = sum(flags.values())
        actions = {a: 0 if a is Action.NONE else kinds[NoticeKind[a.name]] for a in Action}
        actions[Action.NONE] = rows - kinds[NoticeKind.ROW_ERROR] - sum(actions.values())
        return RowCounts(batches, rows, kinds, actions, errors, intervals)

    def _label(self, feature: str) -> str:
        """Keep names the caller made up out: whoever scrapes would have to store them all."""
        return feature if feature in self._features else ""
