"""The directory beside the output in which a job keeps what it has done: `OUT.job`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from ridgeline.table_blocks import prefix_sha256
from ridgeline.tables import table_errors
from ridgeline_client.score import progress
from ridgeline_client.score.errors import JobRefused
from ridgeline_client.score.outputs import Output, output_in, sync_directory
from ridgeline_client.score.progress import Progress

_LOCK = "lock"


class JobStore:
    """One job's directory. While it is open no other process can have it.

    Attributes:
        output: makes the file.
    """

    def __init__(self, directory: Path, target: Path) -> None:
        self._directory = directory
        self._target = target
        self._progress = directory / "progress.json"
        self.output: Output = output_in(directory, target)

    def load(self) -> Progress | None:
        """Return how far the job is; None: not begun. Raises JobRefused."""
        return progress.load(self._progress)

    def save(self, state: Progress) -> None:
        """Keep how far the job is."""
        state.save(self._progress)

    def clear(self) -> None:
        """Forget what was done."""
        self._progress.unlink(missing_ok=True)  # first: without it the rest means nothing
        for file in self._directory.iterdir():
            if file.name != _LOCK:
                file.unlink()

    def finish(self, done: Progress) -> None:
        """Make the output appear and leave nothing else behind."""
        self.output.finish(self._target, done.length or 0)
        sync_directory(self._target.parent)
        self.clear()


def job_directory(target: Path) -> Path:
    """Return the directory of the job that writes `target`."""
    return target.with_name(target.name + ".job")


@contextmanager
def opened(target: Path) -> Iterator[JobStore]:
    """Open the job of an output; a directory that keeps nothing is removed in the end.

    Raises:
        JobRefused: another process has it, or the directory is somebody else's.
        OSError: the directory cannot be made.
    """
    directory = job_directory(target)
    lock = None
    while lock is None:
        directory.mkdir(exist_ok=True)
        lock = _locked(directory, target)
    with lock:
        try:
            yield JobStore(directory, target)
        finally:
            if not any(file.name != _LOCK for file in directory.iterdir()):
                (directory / _LOCK).unlink()
                with suppress(OSError):  # it is another process's by now
                    directory.rmdir()


def _locked(directory: Path, target: Path) -> TextIO | None:
    """Lock a job's directory; None when whoever had it removed it meanwhile."""
    path = directory / _LOCK
    with ExitStack() as opened_here:
        try:
            if not path.exists() and any(directory.iterdir()):
                raise JobRefused(f"{directory} was not made by a job: move it away, or write elsewhere")
            lock = opened_here.enter_context(path.open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(lock.fileno()), path.stat()):
                return None
        except FileNotFoundError:
            return None
        except BlockingIOError:
            raise JobRefused(
                f"another process is writing {target}: wait for it, or write elsewhere"
            ) from None
        opened_here.pop_all()
        return lock


def check_same_job(saved: Progress, source: Path, options: dict[str, Any]) -> None:
    """Compare a job that was begun with the one that is asked for.

    Raises:
        JobRefused: the input changed, or an option is another one; all differences are named.
        TableError: the input is not there any more.
    """
    begun = saved.options
    problems = [
        f"it was begun with {name} = {begun.get(name)!r}, now it is {options.get(name)!r}"
        for name in sorted({*begun, *options})
        if begun.get(name) != options.get(name)
    ]
    with table_errors(source):
        size = source.stat().st_size
    if size != saved.input.size:
        problems.append(f"{source} had {saved.input.size:,} bytes, now it has {size:,}")
    elif prefix_sha256(source, saved.input.consumed) != saved.input.sha256:
        problems.append(f"{source} changed in its first {saved.input.consumed:,} bytes")
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise JobRefused(
            f"this job cannot go on at row {saved.rows + 1:,}:\n{listed}\n"
            "undo the change and go on, or begin anew with --restart"
        )
