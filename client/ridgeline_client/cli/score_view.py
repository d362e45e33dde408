"""What `ridgeline score` shows: a bar while it works, what is odd about the table, a summary at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from ridgeline.table_blocks import BlockReader
from ridgeline_client.cli import output, render
from ridgeline_client.client import PricingClient
from ridgeline_client.description import ModelDescription
from ridgeline_client.score.columns import ColumnPlan
from ridgeline_client.score.job import Report

Connect = Callable[[], PricingClient]

_LISTED = 10
"""Names spelt out in one line."""
_TOP_FEATURES = 3


class View:
    """Watches one job; a context manager while it runs."""

    def __init__(self, source: str, target: str) -> None:
        self._names = source, target
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._bar = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.description}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._plan: ColumnPlan | None = None
        self._by_rows = False
        self._rows_before = 0
        self._began: float | None = None
        self._stint_began = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begun(self, model: ModelDescription, plan: ColumnPlan, reader: BlockReader, rows: int) -> None:
        """See `Watcher`."""
        self._by_rows = reader.row_count is not None
        total = reader.row_count if self._by_rows else reader.size
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task("", total=total)
        self._rows_before = rows
        self._stint_began = time.monotonic()
        self._began = self._began or self._stint_began
        first = self._plan is None
        self._plan = plan
        ref = model.model
        self._tell(
            f"{ref.name} version {ref.version} (digest {ref.digest[:12]}) prices from row {rows + 1:,}"
        )
        if first:
            for sentence in _oddities(plan):
                self._tell(sentence)

    def advanced(self, rows: int, consumed: int) -> None:
        """See `Watcher`."""
        if self._task is not None:
            seconds = max(time.monotonic() - self._stint_began, 1e-9)
            text = f"{rows:,} rows, {(rows - self._rows_before) / seconds:,.0f} rows/s"
            self._bar.update(self._task, completed=rows if self._by_rows else consumed, description=text)

    def say(self, report: Report, *, as_json: bool) -> None:
        """Print how it went: on standard output, unless the rows went there."""
        facts = self._facts(report)
        to_stderr = self._names[1] == "-"
        if as_json:
            typer.echo(output.to_json(facts), err=to_stderr)
        else:
            parts = _summary(facts, report)
            if to_stderr:
                self._console.print(*parts, sep="\n")
            else:
                render.show(*parts)

    def _tell(self, sentence: str) -> None:
        self._console.print(Text(sentence))

    def _facts(self, report: Report) -> dict[str, Any]:
        state, counts = report.progress, report.progress.counts
        seconds = time.monotonic() - self._began if self._began else 0.0
        done = state.rows - report.resumed_rows
        return {
            "input": self._names[0],
            "output": self._names[1],
            "rows": state.rows,
            "priced_rows": counts.priced,
            "bad_rows": counts.rows_by_kind.get("ROW_ERROR", 0),
            "rows_by_notice": counts.rows_by_kind,
            "notices": counts.notices,
            "first_bad_rows": counts.bad_rows,
            "models": state.stints,
            "ignored_columns": self._plan.ignored if self._plan else (),
            "missing_columns": self._plan.absent if self._plan else (),
            "resumed_rows": report.resumed_rows,
            "seconds": round(seconds, 3),
            "rows_per_second": round(done / seconds) if seconds else 0,
        }


def _oddities(plan: ColumnPlan) -> list[str]:
    told = []
    if plan.ignored:
        told.append(
            f"ignored: {_listed(plan.ignored)} (no feature of the model; --keep-columns carries them)"
        )
    if plan.absent:
        told.append(f"missing in every row: {_listed(plan.absent)}")
    if plan.record_id is None:
        told.append("no column record_id: rows are numbered from 1 (--id COLUMN takes another column)")
    return told


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _summary(facts: dict[str, Any], report: Report) -> list[Any]:
    counts = report.progress.counts
    pairs = [
        ("Output", facts["output"] if facts["output"] != "-" else "standard output"),
        ("Rows", f"{facts['rows']:,}, {facts['priced_rows']:,} with a price"),
        ("Speed", f"{facts['rows_per_second']:,} rows/s, {facts['seconds']:.1f} s"),
    ]
    if report.resumed_rows:
        pairs.append(("Resumed", f"after row {report.resumed_rows:,}"))
    pairs += [
        ("Model", f"{s.model} version {s.version} (digest {s.digest[:12]}) from row {s.first_row + 1:,}")
        for s in report.progress.stints
    ]
    parts: list[Any] = [render.fact_table(pairs)]
    if counts.rows_by_kind:
        rows = [
            (kind, f"{count:,}", _top(counts.notices.get(kind, {})))
            for kind, count in sorted(counts.rows_by_kind.items(), key=lambda item: -item[1])
        ]
        parts.append(render.titled_table("Notices", ("notice", "rows", "most often"), rows, right=(1,)))
    if counts.bad_rows:
        bad = [(f"{row.row:,}", row.error) for row in counts.bad_rows]
        parts.append(render.titled_table("First rows without a price", ("row", "why"), bad))
    return parts


def _top(features: dict[str, int]) -> str:
    named = sorted(((n, name) for name, n in features.items() if name), reverse=True)
    return ", ".join(f"{name} {n:,}" for n, name in named[:_TOP_FEATURES])
