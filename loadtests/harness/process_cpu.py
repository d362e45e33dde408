"""CPU time and memory of a process and everything it started, and of the machine, from Linux's /proc."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Places in /proc/PID/stat behind the name, see proc(5): ppid, utime to cstime, rss.
_PARENT, _TIMES, _RESIDENT = 1, slice(11, 15), 21
# Places in the first line of /proc/stat behind "cpu": user to steal; what follows is part of user and nice.
_ALL, _STEAL = slice(0, 8), 7


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
        stolen_share: see `MachineTime.stolen_share_since`.
    """

    generator_cores: float
    server_cores: float | None = None
    server_us_per_call: float | None = None
    stolen_share: float | None = None


@dataclass(frozen=True, slots=True)
class MachineTime:
    """CPU time of all CPUs of this machine since it started, in any unit.

    Attributes:
        total: whatever it was spent on, idle time included.
        stolen: while a CPU had work and the host ran other guests on it.
    """

    total: int
    stolen: int

    @classmethod
    def parse(cls, stat: str) -> MachineTime | None:
        """Read the text of /proc/stat; None when it does not tell what was stolen."""
        name, _, rest = stat.partition("\n")[0].partition(" ")
        counts = rest.split()
        if name != "cpu" or len(counts) <= _STEAL:
            return None
        return cls(sum(map(int, counts[_ALL])), int(counts[_STEAL]))

    def stolen_share_since(self, before: MachineTime) -> float | None:
        """Share of the machine's CPU time that other guests of its host took since `before`, 0 to 1.

        None when no time has passed. A host that tells its guests nothing has them see 0.
        """
        total = self.total - before.total
        return max(self.stolen - before.stolen, 0) / total if total > 0 else None


class StealMeter:
    """Measures what other guests of the host took, from its making on."""

    def __init__(self) -> None:
        self._before = _machine_time()

    def share(self) -> float | None:
        """Share of the machine's CPU time, 0 to 1; None when it is not known."""
        now = _machine_time()
        return None if now is None or self._before is None else now.stolen_share_since(self._before)


class CpuMeter:
    """Measures CPU time from its making to `stop`: of this process, of a local server, if `server_pid`, and
    what other guests of the host took."""

    def __init__(self, server_pid: int | None) -> None:
        self._pid = server_pid
        self._steal = StealMeter()
        self._server = self._server_cpu_s()
        self._own = time.process_time()
        self._began = time.perf_counter()

    def stop(self, calls: int) -> CpuCost:
        """What `calls` calls took."""
        seconds = time.perf_counter() - self._began
        generator = (time.process_time() - self._own) / seconds
        stolen = self._steal.share()
        if self._pid is None:
            return CpuCost(generator, stolen_share=stolen)
        server = self._server_cpu_s() - self._server
        return CpuCost(generator, server / seconds, server * 1e6 / max(calls, 1), stolen)

    def _server_cpu_s(self) -> float:
        return 0.0 if self._pid is None else usage(self._pid).cpu_s


def told_stolen(share: float | None) -> str:
    """Return words on the share of the machine's CPU time that other guests took; None: it is not known."""
    amount = "not known" if share is None else f"{share:.1%} of this machine's CPU time"
    return f"taken by other guests of the host: {amount}"


def _machine_time() -> MachineTime | None:
    try:
        return MachineTime.parse(Path("/proc/stat").read_text())
    except OSError:
        return None


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
