"""A server with several workers, as operators run it."""

from __future__ import annotations

import os
import re
import select
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from support.process import PATIENCE_S, ServerProcess, free_ports, server_process
from support.scrape import Scrape

WORKERS = 2


class Workers:
    """A running server with WORKERS workers; all that is known of them is what it logs."""

    def __init__(self, process: ServerProcess) -> None:
        self.process = process

    def wait_serving(self) -> None:
        """Wait until the server serves."""
        self.process.wait_line(f"{WORKERS} workers serving on")

    @property
    def address(self) -> str:
        """Where it serves."""
        return self._last(r"workers serving on (\S+:\d+)")

    @property
    def ops(self) -> str:
        """HOST:PORT of the pages of all workers."""
        return self._last(r"of all workers on http://(\S+:\d+)")

    def pid(self, number: int) -> int:
        """The process that is this worker."""
        return int(self._last(rf"worker {number} is process (\d+)"))

    def own_ops(self, number: int) -> str:
        """HOST:PORT of this worker's own pages."""
        return self._last(rf"/metrics on http://(\S+:\d+) worker={number}\b")

    def wait_restarted(self, number: int) -> None:
        """Wait until another process serves in a worker's place, and the supervisor knows."""
        while f"worker {number}," not in self.process.wait_line("serves in its place"):
            pass

    def numbers(self) -> range:
        """The numbers of the workers."""
        return range(1, WORKERS + 1)

    def _last(self, pattern: str) -> str:
        return str(re.findall(pattern, self.process.stderr)[-1])


@contextmanager
def workers_process(
    models: Path, *flags: str, environment: Mapping[str, str] | None = None
) -> Iterator[Workers]:
    """Start a server with WORKERS workers, which need not come to serve; none of its processes is left."""
    several = [*free_ports(models), "--workers", str(WORKERS), *flags]
    with server_process(*several, environment=environment) as process:
        try:
            yield Workers(process)
        finally:
            pids = {*_children(process.pid), *re.findall(r"is process (\d+)", process.stderr)}
            process.tell(signal.SIGKILL)
            left = [int(pid) for pid in pids if _is_worker(pid) and not gone(int(pid))]
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        assert left == []


@contextmanager
def serving_workers(models: Path, *flags: str) -> Iterator[Workers]:
    """A server with WORKERS workers that serves."""
    with workers_process(models, *flags) as workers:
        workers.wait_serving()
        yield workers


def gone(pid: int) -> bool:
    """Wait until a process, of whatever parent, is no more; returns False when it stays."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ended, _, _ = select.select([process], [], [], PATIENCE_S)
    finally:
        os.close(process)
    return bool(ended)


def _children(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []


def _is_worker(pid: str) -> bool:
    try:
        return b"ridgeline_server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def page(ops: str) -> Scrape:
    """One scrape of a running server. Raises HTTPError when it is not there."""
    with urlopen(f"http://{ops}/metrics", timeout=PATIENCE_S) as answer:
        return Scrape(answer.read().decode())
