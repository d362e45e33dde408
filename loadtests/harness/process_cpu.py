"""CPU time and memory of a process and everything it started, from Linux's /proc."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Places in /proc/PID/stat behind the name, see proc(5): ppid, utime to cstime, rss.
_PARENT, _TIMES, _RESIDENT = 1, slice(11, 15), 21


@dataclass(frozen=True)
class Usage:
    """What a process tree has used so far.

    Attributes:
        cpu_s: user and system CPU seconds of all threads, ended children included, in steps of 10 ms.
        resident_bytes: resident memory; pages that processes share count once for each.
        processes: how many processes live.
    """

    cpu_s: float
    resident_bytes: int
    processes: int


def usage(pid: int) -> Usage:
    """What the process `pid` and its descendants have used. ProcessLookupError when it does not live."""
    stats = _all_stats()
    if pid not in stats:
        raise ProcessLookupError(f"no process {pid} lives here")
    tree = [stats[member] for member in _tree(pid, stats)]
    ticks = sum(int(text) for stat in tree for text in stat[_TIMES])
    pages = sum(int(stat[_RESIDENT]) for stat in tree)
    return Usage(ticks / _TICKS_PER_S, pages * _PAGE_BYTES, len(tree))


@dataclass(frozen=True, slots=True)
class CpuCost:
    """CPU time of a measurement.

    Attributes:
        generator_cores: CPU seconds a second of this process; 1 is a whole core.
        server_cores: the same of the server's process tree; None when it is not ours to look at.
        server_us_per_call: CPU microseconds of the server for each call; None as above.
    """

    generator_cores: float
    server_cores: float | None = None
    server_us_per_call: float | None = None


class CpuMeter:
    """Measures CPU time from its making to `stop`: of this process and of a local server, if `server_pid`."""

    def __init__(self, server_pid: int | None) -> None:
        self._pid = server_pid
        self._server = self._server_cpu_s()
        self._own = time.process_time()
        self._began = time.perf_counter()

    def stop(self, calls: int) -> CpuCost:
        """What `calls` calls took."""
        seconds = time.perf_counter() - self._began
        generator = (time.process_time() - self._own) / seconds
        if self._pid is None:
            return CpuCost(generator)
        server = self._server_cpu_s() - self._server
        return CpuCost(generator, server / seconds, server * 1e6 / max(calls, 1))

    def _server_cpu_s(self) -> float:
        return 0.0 if self._pid is None else usage(self._pid).cpu_s


def _all_stats() -> dict[int, list[str]]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        # The name stands in brackets and may hold spaces and brackets.
        found[int(folder.name)] = text.rpartition(")")[2].split()
    return found


def _tree(root: int, stats: dict[int, list[str]]) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(int(stat[_PARENT]), []).append(pid)
    tree = [root]
    for pid in tree:
        tree += children.get(pid, [])
    return tree
