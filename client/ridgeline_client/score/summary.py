"""What is counted while rows go by."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ridgeline.notices import NoticeKind
from ridgeline_client.score.rows import ScoredRows

SHOWN_BAD_ROWS = 5


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row without a price because of its input.

    Attributes:
        row: as a person counts the rows of the file.
    """

    row: int
    error: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What is said about the rows so far.

    Attributes:
        priced: rows with a price.
        rows_by_kind: rows that carry a notice, by its kind.
        notices: how often each notice was given, by kind and feature.
        bad_rows: the first rows without a price because of their input.
    """

    priced: int = 0
    rows_by_kind: dict[str, int] = field(default_factory=dict)
    notices: dict[str, dict[str, int]] = field(default_factory=dict)
    bad_rows: tuple[BadRow, ...] = ()

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Counts:
        """Return what `dataclasses.asdict` took apart."""
        return cls(**{**facts, "bad_rows": tuple(BadRow(**row) for row in facts["bad_rows"])})

    def plus(self, rows: ScoredRows, first_row_number: int) -> Counts:
        """Return the counts with further rows; a person calls the file's first one `first_row_number`."""
        by_kind = dict(self.rows_by_kind)
        for kind in NoticeKind:
            if count := int(np.count_nonzero(rows.flags & kind.bit)):
                by_kind[kind.name] = by_kind.get(kind.name, 0) + count
        notices = {kind: dict(features) for kind, features in self.notices.items()}
        for notice in rows.notice_counts:
            features = notices.setdefault(notice.kind.name, {})
            features[notice.feature] = features.get(notice.feature, 0) + notice.count
        room = SHOWN_BAD_ROWS - len(self.bad_rows)
        first = rows.chunk.first_row + first_row_number
        bad = [BadRow(first + place, rows.errors[place]) for place in sorted(rows.errors)[:room]]
        return dataclasses.replace(
            self,
            priced=self.priced + int(rows.table.num_rows - rows.table.column("price").null_count),
            rows_by_kind=by_kind,
            notices=notices,
            bad_rows=(*self.bad_rows, *bad),
        )
