"""The directory beside the output in which a job keeps what it has done: `OUT.job`."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ridgeline.table_blocks import prefix_sha256
from ridgeline_client.score import progress
from ridgeline_client.score.errors import JobRefused
from ridgeline_client.score.outputs import Output, output_in, remove_tree, sync_directory
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
        for file in self._directory.iterdir():
            if file.name != _LOCK:
                file.unlink()

    def finish(self, done: Progress) -> None:
        """Make the output appear and leave nothing else behind."""
        self.output.finish(self._target, done.length or 0)
        sync_directory(self._target.parent)
        remove_tree(self._directory)


def job_directory(target: Path) -> Path:
    """Return the directory of the job that writes `target`."""
    return target.with_name(target.name + ".job")


@contextmanager
def opened(target: Path) -> Iterator[JobStore]:
    """Open the job of an output.

    Raises:
        JobRefused: another process has it.
        OSError: the directory cannot be made.
    """
    directory = job_directory(target)
    directory.mkdir(exist_ok=True)
    with (directory / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JobRefused(
                f"another process is writing {target}: wait for it, or write elsewhere"
            ) from None
        try:
            yield JobStore(directory, target)
        finally:
            if not any(file.name != _LOCK for file in directory.glob("*")):
                remove_tree(directory)


def check_same_job(saved: Progress, source: Path, options: dict[str, Any]) -> None:
    """Compare a job that was begun with the one that is asked for.

    Raises:
        JobRefused: the input changed, or an option is another one; all differences are named.
    """
    begun = saved.options
    problems = [
        f"it was begun with {name} = {begun.get(name)!r}, now it is {options.get(name)!r}"
        for name in sorted({*begun, *options})
        if begun.get(name) != options.get(name)
    ]
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
