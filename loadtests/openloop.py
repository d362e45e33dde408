"""Open-loop load on a price server: calls are sent when they are due, however slow the answers are.

Latency counts from when a call was due, so a server that stalls cannot slow down its own measurement. Exit
code 0: every scheduled call was sent and answered; 1: not. docs/load-testing.md says how to read the report.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from harness import arrivals
from harness.access import add_tls, tls_of
from harness.arrivals import Seconds
from harness.calls import price_calls, run
from harness.open_loop import run_open
from harness.open_report import print_run
from harness.open_summary import OpenSummary, doubts
from harness.process_cpu import CpuCost, CpuMeter
from harness.server import ServerFailed, server_of
from ridgeline_client import RidgelineError

MOST_CALLS = 5_000_000


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    arguments = _arguments(argv)
    try:
        with server_of(
            arguments.target, arguments.models, arguments.server_pid, apart=not arguments.unpinned
        ) as (address, pid):
            summary, cost = _measure(arguments, address, pid)
    except (RidgelineError, ServerFailed, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted before the first call", file=sys.stderr)
        return 1
    found = doubts(summary, cost.generator_cores)
    if arguments.json:
        print(json.dumps({**summary.to_dict(), "cpu": dataclasses.asdict(cost), "doubts": found}, indent=2))
    else:
        print_run(_title(arguments), summary, cost, found, Console(highlight=False, soft_wrap=True))
    return 0 if summary.complete else 1


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rate", type=float, default=1000.0, help="calls a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--warmup", type=float, default=2.0, help="seconds before, not counted")
    parser.add_argument("--arrivals", choices=["poisson", "constant"], default="poisson")
    parser.add_argument("--rows", type=int, help="PredictBatch with so many rows; without: Predict")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--timeout", type=float, default=10.0, help="deadline of a call in seconds")
    parser.add_argument("--seed", type=int, default=0, help="of arrivals and rows")
    parser.add_argument("--target", default="", help="HOST:PORT of a server; without, one is started")
    parser.add_argument("--token-file", type=Path, help="the target's token; else RIDGELINE_TOKEN, or none")
    add_tls(parser)
    parser.add_argument("--server-pid", type=int, help="of a local target: its CPU time is reported")
    parser.add_argument("--models", type=Path, default=Path("models"), help="for a server that is started")
    parser.add_argument("--unpinned", action="store_true", help="do not give a server that is started a CPU")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    arguments = parser.parse_args(argv)
    if problems := _problems(arguments):
        parser.error("; ".join(problems))
    return arguments


def _problems(arguments: argparse.Namespace) -> list[str]:
    problems = [
        f"--{name} is {value:g}: give more than 0"
        for name in ("rate", "seconds", "timeout")
        if not (value := getattr(arguments, name)) > 0
    ]
    problems += [
        f"--{name} is {value}: give 1 or more"
        for name in ("connections", "rows")
        if (value := getattr(arguments, name)) is not None and value < 1
    ]
    problems += [
        f"--{name} is {value:g}: give 0 or more"
        for name in ("warmup", "seed")
        if not (value := getattr(arguments, name)) >= 0
    ]
    count = arguments.rate * (arguments.seconds + arguments.warmup)
    if not count <= MOST_CALLS:
        problems.append(f"{count:,.0f} calls: at most {MOST_CALLS:,} fit, lower --rate or --seconds")
    return problems


def _measure(arguments: argparse.Namespace, address: str, pid: int | None) -> tuple[OpenSummary, CpuCost]:
    asked = price_calls(
        address, arguments.rows, arguments.seed, tls_of(vars(arguments)), arguments.token_file
    )
    asked = dataclasses.replace(asked, timeout_s=arguments.timeout)
    due = _schedule(arguments)
    gc.freeze()  # what is here stays: the collector need not look at it again and again
    meter = CpuMeter(pid)
    made = run(run_open(asked, due, arguments.connections))
    cost = meter.stop(int(np.count_nonzero(made.codes)))
    return OpenSummary.of(made, arguments.seconds, arguments.warmup), cost


def _schedule(arguments: argparse.Namespace) -> Seconds:
    seconds = arguments.warmup + arguments.seconds
    if arguments.arrivals == "constant":
        return arrivals.constant(arguments.rate, seconds)
    return arrivals.poisson(arguments.rate, seconds, np.random.default_rng(arguments.seed))


def _title(arguments: argparse.Namespace) -> str:
    method = "Predict" if arguments.rows is None else f"PredictBatch of {arguments.rows:,} rows"
    return (
        f"{method}, open loop: {arguments.rate:,.0f} calls a second, {arguments.arrivals} "
        f"arrivals, {arguments.seconds:g} s after {arguments.warmup:g} s of warm-up, "
        f"{arguments.connections} connections"
    )


if __name__ == "__main__":
    sys.exit(main())
