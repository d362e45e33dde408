"""`ridgeline score` again and again, given once more whenever it was broken off, and every file checked."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ridgeline_client.score.store import job_directory
from support.chaos.oracle import Oracle
from support.score import PATIENCE_S, started, write

DECLARED = {0: "done", 1: "failed", 4: "no server", -9: "killed"}
"""Exit codes a job may end with here: see docs/scoring.md."""

_HEADER = 200  # bytes: more than the names of the columns
_LOOK_S = 0.02
_MOST_ATTEMPTS = 20


class Jobs:
    """One job after another, from entering to leaving; the last one is finished.

    Attributes:
        exits: ends of the command, by exit code.
        files: files that were completed and checked.
        wrong: rows of them with another price than that of the version they name.
        misplaced: rows that are lost, doubled or out of their place.
    """

    def __init__(self, address: str, oracle: Oracle, folder: Path) -> None:
        self.exits: Counter[int] = Counter()
        self.files = self.wrong = self.misplaced = 0
        self._address = address
        self._oracle = oracle
        self._folder = folder
        self._source = write(oracle.frame, folder / "products.csv")
        self._running: tuple[int, Path] | None = None
        self._moved = threading.Condition()
        self._failed = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "a job has not ended"
        self._check()

    def undeclared(self) -> dict[int, int]:
        """Exit codes that no job should have, and how often."""
        return {code: count for code, count in self.exits.items() if code not in DECLARED}

    def harm(self, do: Callable[[int, Path], object]) -> None:
        """Call `do` with the process of a job that has written rows, and the file they are in.

        Returns when the job has ended for it, and the same command, given again, has completed the file.
        """
        with self._moved:
            before = self._broken_off()
            while self._broken_off() == before:  # a job may have written everything already
                with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                    do(*self._writing())
                self._wait_for_another(self.exits.total)
            self._wait_for_another(lambda: self.files)

    def _broken_off(self) -> int:
        return self.exits.total() - self.exits[0]

    def _wait_for_another(self, count: Callable[[], int]) -> None:
        before = count()
        assert self._moved.wait_for(lambda: count() > before or self._failed, PATIENCE_S)
        self._check()

    def _check(self) -> None:
        assert not self._failed, "the thread that runs the jobs has failed"

    def _writing(self) -> tuple[int, Path]:
        while True:
            with suppress(FileNotFoundError):
                if self._running and self._running[1].stat().st_size > _HEADER:
                    return self._running
            self._moved.wait(_LOOK_S)
            self._check()

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._complete(self._folder / f"prices-{self.files}.csv")
        except BaseException:
            with self._moved:
                self._failed = True
                self._moved.notify_all()
            raise

    def _complete(self, target: Path) -> None:
        for _ in range(_MOST_ATTEMPTS):
            if self._attempt(target) == 0:
                break
        wrong, misplaced = self._oracle.file_errors(target)
        target.unlink()
        with self._moved:
            self.wrong += wrong
            self.misplaced += misplaced
            self.files += 1
            self._moved.notify_all()

    def _attempt(self, target: Path) -> int:
        flags = ("--id", "sku", "--accept-new-model")
        with started(self._source, target, *flags, server=self._address) as job:
            with self._moved:
                self._running = job.process.pid, job_directory(target) / "rows"
            code = job.finish(go_on=False).code
        with self._moved:
            self._running = None
            self.exits[code] += 1
            self._moved.notify_all()
        return code
