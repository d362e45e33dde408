"""A price server to measure: the installed `ridgeline-server serve` in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.access import PLAIN, Way

_STOP_PATIENCE_S = 15.0


class ServerFailed(Exception):
    """The server ended before it served; the text is what it said."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that serves: where, its process id, and how to get in."""

    address: str
    pid: int
    way: Way = PLAIN


@contextmanager
def server_of(
    target: str, models: Path, pid: int | None = None, *, apart: bool = False, workers: int = 1
) -> Iterator[tuple[str, int | None]]:
    """Address and process id of the server to measure: `target`, or one of `models` until the block ends.

    Args:
        target: HOST:PORT; "" for a server of its own.
        models: what a server of its own serves.
        pid: of the target, None where it is not known.
        apart: keep a server of its own on the first CPU, and this thread and those it starts on the others.
        workers: processes of a server of its own.

    Raises:
        ServerFailed: a server of its own does not serve.
    """
    if target:
        yield target, pid
        return
    flags = (*(("--pin-cpu",) if apart else ()), "--workers", str(workers))
    with running_server(models, *flags) as server, on_cpus(split_cpus()[1] if apart else None):
        yield server.address, server.pid


def split_cpus() -> tuple[set[int], set[int]]:
    """The first CPU this thread may use, for a server, and the others for its load; where there is but one,
    they share it."""
    usable = os.sched_getaffinity(0)
    first = {min(usable)}
    return first, usable - first or first


@contextmanager
def on_cpus(cpus: set[int] | None) -> Iterator[None]:
    """Keep this thread, and the threads and processes it starts, on some CPUs until the block ends; None: as
    they are."""
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus or usable)
    try:
        yield
    finally:
        os.sched_setaffinity(0, usable)


@contextmanager
def running_server(models: Path, *flags: str) -> Iterator[RunningServer]:
    """Serve `models` on free ports of loopback until the block ends; more `flags` of `serve` may follow.

    Ctrl-C does not reach the server: whoever measures can still ask it. Raises ServerFailed.
    """
    with running([*serve_command(models), *flags]) as server:
        yield server


def serve_command(
    models: Path, program: Sequence[str] = (sys.executable, "-m", "ridgeline_server")
) -> list[str]:
    """The command that serves `models` on free ports of loopback."""
    command = [*program, "serve", "--models", str(models)]
    return [*command, "--address", "127.0.0.1:0", "--ops-address", "127.0.0.1:0"]


@contextmanager
def running(command: Sequence[str]) -> Iterator[RunningServer]:
    """Run a server that says "serving on HOST:PORT" until the block ends. Raises ServerFailed."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stderr is not None
        try:
            address = _address(process.stderr)
            # A pipe that nobody reads fills up and holds the server.
            reader = threading.Thread(target=deque, args=(process.stderr, 0))
            reader.start()
            try:
                yield RunningServer(address, process.pid)
            finally:
                _stop(process)
                reader.join()
        finally:
            process.kill()


def _address(log: IO[str]) -> str:
    said = []
    for line in log:
        said.append(line)
        if found := re.search(r"serving on (\S+:\d+)(?!.* worker=)", line):  # all workers, not the first
            return found[1]
    raise ServerFailed("".join(said).strip() or "the server ended without a word")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
