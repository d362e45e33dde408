"""A scoring job: begun, broken off, taken up again, finished."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ridgeline_client.client import PricingClient
from ridgeline_client.score import store
from ridgeline_client.score.errors import JobRefused, ModelChanged
from ridgeline_client.score.options import JobOptions, Watcher
from ridgeline_client.score.outputs import Output, PipeOutput, check_name, compression_of, format_of
from ridgeline_client.score.progress import Progress
from ridgeline_client.score.stint import Place, StintRun

_FRUITLESS_STINTS = 3
"""Versions in a row that vanish before they have priced anything: servers disagree about what is served."""


@dataclass(frozen=True, slots=True)
class Report:
    """A finished job.

    Attributes:
        progress: all of it.
        resumed_rows: rows that an earlier attempt had done.
    """

    progress: Progress
    resumed_rows: int


class Job:
    """Prices one table.

    Args:
        source: a file, or an open pipe.
        target: a file, or an open pipe.
        connect: opens a client; the job closes it.
        options: how the job is run.
        watcher: is told how it goes.
    """

    def __init__(
        self,
        source: Path | BinaryIO,
        target: Path | BinaryIO,
        connect: Callable[[], PricingClient],
        options: JobOptions,
        watcher: Watcher,
    ) -> None:
        self._source = source
        self._target = target
        self._connect = connect
        self._options = options
        self._watcher = watcher
        self._state: Progress | None = None

    def run(self) -> Report:
        """Do what is left of the job.

        Raises:
            ScoreError: the job cannot begin or go on; what is done stays done.
            RidgelineError: the server cannot be reached, or refuses the job.
            TableError: the input is no table.
            OSError: the output cannot be written.
        """
        if isinstance(self._target, Path):
            self._check_target(self._target)
        else:
            return Report(self._priced(PipeOutput(self._target), _not_kept), 0)
        self._refuse_to_overwrite(self._target, begun=store.job_directory(self._target).exists())
        with store.opened(self._target) as job:
            done = self._state = saved = self._saved(job)
            if done is None or not done.finished:
                self._refuse_to_overwrite(self._target, begun=False)
                keep = job.save if isinstance(self._source, Path) else _not_kept
                done = self._priced(job.output, keep)
            job.finish(done)
        return Report(done, saved.rows if saved else 0)

    def _check_target(self, target: Path) -> None:
        if target.exists() and not target.is_file():
            raise JobRefused(f"{target} is no file: write to a file, or to - for standard output")
        if isinstance(self._source, Path) and target.exists() and target.resolve() == self._source.resolve():
            raise JobRefused(f"{target} is the input itself: write to another file")
        check_name(target)

    def _refuse_to_overwrite(self, target: Path, *, begun: bool) -> None:
        if target.exists() and not self._options.overwrite and not begun:
            raise JobRefused(f"{target} is there already: write elsewhere, or replace it with --overwrite")

    def _saved(self, job: store.JobStore) -> Progress | None:
        saved = None if self._options.restart else job.load()
        if saved is None:
            job.clear()
        elif isinstance(self._source, Path):
            store.check_same_job(saved, self._source, self._decisive_options())
        else:
            raise JobRefused(
                f"{saved.rows:,} rows of a job that read a file are kept beside the output: "
                "finish it with the command it was begun with, or forget it with --restart"
            )
        return saved

    def _decisive_options(self) -> dict[str, Any]:
        """What the output depends on beside input and model."""
        target = self._target if isinstance(self._target, Path) else Path("-")
        return {
            **dataclasses.asdict(self._options.columns),
            **dataclasses.asdict(self._options.selection),
            "output": format_of(target),
            "compression": compression_of(target),
        }

    def _priced(self, output: Output, keep: Callable[[Progress], None]) -> Progress:
        """Price what is left, with another version when one vanishes and that is accepted."""

        def saved(state: Progress) -> None:
            self._state = state
            keep(state)

        place = Place(self._source, output, saved, self._decisive_options())
        fruitless = 0
        pinned = True
        while True:
            before = self._state
            try:
                run = StintRun(place, self._options, self._watcher)
                return run.run(before, self._connect, pinned=pinned)
            except ModelChanged:
                fruitless = fruitless + 1 if self._state is before else 0
                accepted = self._options.accept_new_model and fruitless < _FRUITLESS_STINTS
                if not accepted or not isinstance(self._source, Path):
                    raise
                if self._state is not None:
                    store.check_same_job(self._state, self._source, self._decisive_options())
                pinned = False


def _not_kept(_state: Progress) -> None:
    """Keep no progress: a pipe cannot be read again."""
