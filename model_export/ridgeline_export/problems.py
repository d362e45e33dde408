"""What is wrong with a schema or a table: everything at once, each with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

LISTED = 5
"""How many rows are named in one problem; all are counted."""


class InputError(Exception):
    """The schema or the table cannot be used. `problems` has a sentence for each thing that is wrong."""

    def __init__(self, where: str, problems: Iterable[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(f"{where}: {count} problem{'s' * (count != 1)}: " + "; ".join(self.problems))


class ExportError(Exception):
    """The model was trained but must not be published: it failed its own proof."""


def rows_text(rows: Sequence[int], count: int) -> str:
    """Return "in row 7", or "in 12 rows (3, 9, 14, 20, 21, ...)"."""
    if count == 1:
        return f"in row {rows[0]}"
    more = ", ..." if count > LISTED else ""
    return f"in {count} rows ({', '.join(str(row) for row in rows[:LISTED])}{more})"
