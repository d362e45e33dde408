"""How throughput and latency change with the number of callers: a closed loop, 1 to 256 of them.

Each caller has a connection of its own and asks for the next price when it has the last one. Exit code 0: all
calls were answered; 1: not.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.access import add_tls, tls_of
from harness.calls import OK, Calls, price_calls, run
from harness.closed_loop import Bounds, ClosedRun, run_closed
from harness.open_summary import BUSY_GENERATOR
from harness.process_cpu import CpuCost, CpuMeter
from harness.server import ServerFailed, server_of
from ridgeline_client import RidgelineError

WARMUP_S = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """What a number of callers saw."""

    callers: int
    made: ClosedRun
    cost: CpuCost

    @property
    def rate(self) -> float:
        """Calls answered with OK a second."""
        return self.made.codes[OK] / self.made.seconds

    @property
    def failed(self) -> int:
        """Calls with another status than OK."""
        return self.made.codes.total() - self.made.codes[OK]

    def to_dict(self) -> dict[str, Any]:
        """The step for JSON."""
        return {
            "callers": self.callers,
            "rate": self.rate,
            "p50_us": self.made.latency.percentile(50),
            "p99_us": self.made.latency.percentile(99),
            "codes": dict(self.made.codes),
            **dataclasses.asdict(self.cost),
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    arguments = _arguments(argv)
    steps: list[Step] = []
    try:
        with server_of(
            arguments.target,
            arguments.models,
            arguments.server_pid,
            apart=not arguments.unpinned and arguments.workers == 1,
            workers=arguments.workers,
        ) as (address, pid):
            asked = price_calls(address, tls=tls_of(vars(arguments)), token_file=arguments.token_file)
            gc.freeze()  # what is here stays: the collector need not look at it again and again
            run(_sweep(asked, arguments, pid, steps))
    except (RidgelineError, ServerFailed, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    if arguments.json:
        print(json.dumps([step.to_dict() for step in steps], indent=2))
    else:
        _show(steps, arguments.seconds, Console(highlight=False, soft_wrap=True))
    return 1 if not steps or any(step.failed for step in steps) else 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--most", type=int, default=256, help="callers of the last step; each has twice the one before"
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a step")
    parser.add_argument("--target", default="", help="HOST:PORT of a server; without, one is started")
    parser.add_argument("--token-file", type=Path, help="the target's token; else RIDGELINE_TOKEN, or none")
    add_tls(parser)
    parser.add_argument("--server-pid", type=int, help="of a local target: its CPU time is reported")
    parser.add_argument("--models", type=Path, default=Path("models"), help="for a server that is started")
    parser.add_argument("--unpinned", action="store_true", help="do not give a server that is started a CPU")
    parser.add_argument(
        "--workers", type=int, default=1, help="of a server that is started; several are never given a CPU"
    )
    parser.add_argument("--json", action="store_true", help="a JSON list instead of a table")
    arguments = parser.parse_args(argv)
    if not 1 <= arguments.most <= 10_000 or not 0 < arguments.seconds <= 3600:
        parser.error("give --most 1 to 10,000 callers and --seconds above 0, at most 3,600")
    return arguments


async def _sweep(asked: Calls, arguments: argparse.Namespace, pid: int | None, steps: list[Step]) -> None:
    await run_closed(asked, 1, Bounds(WARMUP_S))
    callers = 1
    while callers <= arguments.most:
        meter = CpuMeter(pid)
        made = await run_closed(asked, callers, Bounds(arguments.seconds))
        steps.append(Step(callers, made, meter.stop(made.codes.total())))
        callers *= 2


def _show(steps: list[Step], seconds: float, console: Console) -> None:
    table = Table(title=f"Predict, closed loop, {seconds:g} s a step", title_justify="left")
    table.caption = "server us: CPU time of a call; server, generator: cores"
    for header in ("callers", "calls/s", "p50 ms", "p99 ms", "server us", "server", "generator", "failed"):
        table.add_column(header, justify="right")
    for step in steps:
        cost = step.cost
        table.add_row(
            f"{step.callers:,}",
            f"{step.rate:,.0f}",
            *(f"{step.made.latency.percentile(percent) / 1e3:,.2f}" for percent in (50, 99)),
            "" if cost.server_us_per_call is None else f"{cost.server_us_per_call:,.0f}",
            "" if cost.server_cores is None else f"{cost.server_cores:.2f}",
            f"{cost.generator_cores:.2f}",
            f"{step.failed:,}",
        )
    console.print(table)
    if any(step.cost.generator_cores > BUSY_GENERATOR for step in steps):
        console.print(
            f"warning: where the generator used more than {BUSY_GENERATOR} of a core, it may be the limit",
            style="yellow",
        )


if __name__ == "__main__":
    sys.exit(main())
