"""What is done to a server with workers and to jobs that score, and when that is over."""

from __future__ import annotations

import os
import random
import resource
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

from support.chaos.jobs import Jobs
from support.workers import Workers, gone, serving_workers

HANGS_S = 2.0
PAUSE_S = 1.0
_ROOM = 4096  # bytes a disk has left when it fills: a write ends in the middle


class Site:
    """A server with workers that others can take the place of, on the same address.

    Attributes:
        address: where they all serve.
    """

    def __init__(self, versions: Sequence[Path]) -> None:
        """`versions`: models directories; each server takes the next one."""
        self._versions: Iterator[Path] = cycle(versions)
        self._stack = ExitStack()
        self.address = "127.0.0.1:0"
        self.workers: Workers

    def __enter__(self) -> Self:
        self._serve()
        self.address = self.workers.address
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def replace(self, number: signal.Signals) -> int:
        """End the server with a signal, start one with the other version; returns the exit code."""
        self.workers.process.tell(number)
        code = self.workers.process.wait()
        for worker in self.workers.numbers():
            assert gone(self.workers.pid(worker))
        self._stack.close()
        self._serve()
        return code

    def _serve(self) -> None:
        flags = ("--worker-timeout-s", str(HANGS_S), "--address", self.address)
        self.workers = self._stack.enter_context(serving_workers(next(self._versions), *flags))


Fault = Callable[[Site, Jobs, random.Random], None]
"""Does it; returns when all that was ended is back."""


def _signalled(number: signal.Signals) -> Fault:
    """A worker gets a signal that ends it, at once or in the end."""

    def fault(site: Site, _: Jobs, draw: random.Random) -> None:
        worker = draw.choice(site.workers.numbers())
        os.kill(site.workers.pid(worker), number)
        site.workers.wait_restarted(worker)

    return fault


def _pause(site: Site, _: Jobs, draw: random.Random) -> None:
    pid = site.workers.pid(draw.choice(site.workers.numbers()))
    os.kill(pid, signal.SIGSTOP)
    Event().wait(PAUSE_S)  # the fault itself
    os.kill(pid, signal.SIGCONT)


def _restart(site: Site, _jobs: Jobs, _draw: random.Random) -> None:
    code = site.replace(signal.SIGTERM)
    assert code == 0, f"a drained server left with exit code {code}"


def _kill_server(site: Site, _jobs: Jobs, _draw: random.Random) -> None:
    site.replace(signal.SIGKILL)


def _fill_disk(_site: Site, jobs: Jobs, _draw: random.Random) -> None:
    def fill(pid: int, rows: Path) -> None:
        most = rows.stat().st_size + _ROOM
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))

    jobs.harm(fill)


def _kill_job(_site: Site, jobs: Jobs, _draw: random.Random) -> None:
    jobs.harm(lambda pid, _: os.kill(pid, signal.SIGKILL))


FAULTS: Mapping[str, Fault] = {
    "a worker is killed": _signalled(signal.SIGKILL),
    f"a worker is stopped for {PAUSE_S:g} s": _pause,
    f"a worker hangs ({HANGS_S:g} s allowed)": _signalled(signal.SIGSTOP),
    "a worker is drained": _signalled(signal.SIGTERM),
    "the server is drained, another version starts": _restart,
    "the server is killed, another version starts": _kill_server,
    "the disk is full for a job that scores": _fill_disk,
    "a job that scores is killed": _kill_job,
}
"""By what is done."""
