"""A server that is asked very often, and what it holds before, meanwhile and afterwards."""

from __future__ import annotations

import multiprocessing
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.server import running_server
from support.soak.calls import Outcomes, make_calls, strange
from support.soak.growth import Growth, growth

_QUIET_LOOKS = 10
_LOOK_S = 0.5
_PATIENCE_S = 120.0


@dataclass(frozen=True)
class Plan:
    """What to do.

    Attributes:
        calls: all together, `warmup` of them before anything is looked at.
        slice_calls: after so many calls memory is read.
        processes: that call at the same time.
    """

    calls: int
    warmup: int
    slice_calls: int = 500
    processes: int = 2


@dataclass(frozen=True)
class Held:
    """What a process holds."""

    resident_bytes: int
    threads: int
    descriptors: int

    @classmethod
    def by(cls, pid: int) -> Held:
        """Read it from Linux's /proc."""
        status = Path(f"/proc/{pid}/status").read_text()
        resident, threads = (_number(name, status) for name in ("VmRSS", "Threads"))
        return cls(resident * 1024, threads, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))

    def as_before(self, other: Held) -> bool:
        """Whether threads and descriptors are as many."""
        return (self.threads, self.descriptors) == (other.threads, other.descriptors)


@dataclass(frozen=True)
class Report:
    """A soak that is over: what the calls ended with, and the server without callers at both ends.

    Attributes:
        first: after the warm-up.
        last: at the end.
        growth: of memory between them.
        seconds: that the calls after the warm-up took.
    """

    outcomes: Outcomes
    first: Held
    last: Held
    growth: Growth
    seconds: float

    @property
    def problems(self) -> list[str]:
        """What should not be, whatever memory does."""
        found = [f"a call of {kind} ended {code}" for kind, code in sorted(strange(self.outcomes))]
        if not self.last.as_before(self.first):
            found.append(f"threads or descriptors have changed: {self.first} became {self.last}")
        return found


def run(plan: Plan, models: Path, told: Callable[[int, Held], object] = lambda *_: None) -> Report:
    """Do as planned with a server of `models`; `told` hears how many calls are made and what it holds."""
    with running_server(models) as server, _callers(plan.processes) as callers:
        outcomes = Outcomes()
        samples: list[tuple[int, Held]] = []

        def make(count: int, seed: int) -> None:
            for made in _slices(callers, plan, server.address, count, seed):
                outcomes.update(made)
                samples.append((outcomes.total(), Held.by(server.pid)))
                told(*samples[-1])

        make(plan.warmup, seed=0)
        first = _settled(server.pid)
        warm, began = len(samples), time.monotonic()
        make(plan.calls - plan.warmup, seed=plan.warmup)
        seconds = time.monotonic() - began
        calls, held = zip(*samples[warm:], strict=True)
        fitted = growth(calls, [each.resident_bytes for each in held])
        return Report(outcomes, first, _settled(server.pid, first), fitted, seconds)


@contextmanager
def _callers(processes: int) -> Iterator[Executor]:
    """Processes of their own: what calls must not fork what has called."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as callers:
        yield callers


def _slices(callers: Executor, plan: Plan, address: str, count: int, seed: int) -> Iterator[Outcomes]:
    """Make `count` calls in slices; yield each one's outcomes when it is done."""
    sizes = [min(plan.slice_calls, count - first) for first in range(0, count, plan.slice_calls)]
    made = [callers.submit(make_calls, address, size, seed + number) for number, size in enumerate(sizes)]
    for each in as_completed(made):
        yield each.result()


def _settled(pid: int, before: Held | None = None) -> Held:
    """Look at a server nobody calls until it holds what it held `before`, or, without that, no less and no
    more in some looks; what it holds when patience is over."""
    until = time.monotonic() + _PATIENCE_S
    looks = [Held.by(pid)]
    while time.monotonic() < until:
        if before is not None and looks[-1].as_before(before):
            break
        if (
            before is None
            and len(looks) > _QUIET_LOOKS
            and all(map(looks[-1].as_before, looks[-_QUIET_LOOKS:]))
        ):
            break
        time.sleep(_LOOK_S)
        looks.append(Held.by(pid))
    return looks[-1]


def _number(name: str, status: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    assert found, f"/proc tells no {name}"
    return int(found[1])
