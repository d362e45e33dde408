"""Stops a server in the middle of traffic, again and again: what became of the calls, how long it took.

Every call that a server says it answered must have reached its caller; every other one must be UNAVAILABLE.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from support import toys
from support.process import free_ports, server_process
from support.traffic import KINDS, LOGGED, ServerSide, Traffic


@dataclass
class Totals:
    """All drains so far.

    Attributes:
        outcomes: calls by kind of caller and name of their code.
        strange: ends no call should have, and exit codes that are not 0.
        lost: calls and rows of streams that a server answered and the caller has not.
        seconds: from SIGTERM to the end of the process, by drain.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    strange: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: int = 0
    seconds: list[float] = field(default_factory=list)


def main() -> int:
    """Drain and print; returns 1 when a call was lost or ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drains", type=int, default=100)
    parser.add_argument("--callers", type=int, default=4, help="callers of each kind, a connection each")
    arguments = parser.parse_args()
    totals, console = Totals(), Console()
    with tempfile.TemporaryDirectory() as scratch:
        models = toys.export(Path(scratch))
        for _ in track(range(arguments.drains), "Draining", console=console):
            _drain(models, arguments.callers, totals)
    _show(totals, arguments.drains, console)
    return 1 if totals.lost or totals.strange else 0


def _drain(models: Path, callers: int, totals: Totals) -> None:
    with server_process(*free_ports(models), *LOGGED) as process:
        address = process.address()
        with Traffic(address, callers) as traffic:
            traffic.wait_flowing(calls=20)
            told = time.monotonic()
            process.tell(signal.SIGTERM)
            code = process.wait()
            totals.seconds.append(time.monotonic() - told)
    server = ServerSide.of(process.stderr)
    totals.outcomes += traffic.outcomes
    totals.strange.update(traffic.strange(server))
    if code:
        totals.strange["exit", str(code)] += 1
    totals.lost += abs(traffic.lost(server))


def _show(totals: Totals, drains: int, console: Console) -> None:
    shown = Table(title=f"{drains} drains under load", title_justify="left")
    for header in ("calls", "OK", "UNAVAILABLE", "anything else"):
        shown.add_column(header, justify="left" if header == "calls" else "right")
    for kind in KINDS:
        codes = {code: n for (k, code), n in totals.outcomes.items() if k == kind and code != "OPEN"}
        ok, unavailable = codes.pop("OK", 0), codes.pop("UNAVAILABLE", 0)
        shown.add_row(kind, f"{ok:,}", f"{unavailable:,}", f"{sum(codes.values()):,}")
    console.print(shown)
    console.print(f"answered by the server but lost on the way: {totals.lost}")
    console.print(f"ends that should not be: {dict(totals.strange) or 'none'}")
    median, most = statistics.median(totals.seconds), max(totals.seconds)
    console.print(f"from SIGTERM to the end of the process: median {median:.3f} s, at most {most:.3f} s")


if __name__ == "__main__":
    sys.exit(main())
