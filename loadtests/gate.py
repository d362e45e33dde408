"""The load gate: enough predictions a second, fast enough, shown by windows that agree with each other.

Closed loop, one row a call, Locust's users. Exit code 0: the server showed it; 1: it did not, and why;
2: there is nothing to measure. docs/load-testing.md says how to read the report.
"""

from __future__ import annotations

import locust  # noqa: F401  # first: it makes the standard library cooperative

# isort: split
import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console

from harness import verdicts
from harness.access import TLS_OPTIONS, add_tls
from harness.gate_report import limits, print_verdict, progress, told
from harness.locust_run import LocustRun, locust_run
from harness.options import LoadOptions
from harness.server import ServerFailed, server_of
from harness.stages import SHAPES, Stage
from harness.users import UNARY
from harness.verdicts import Rule, Verdict
from harness.windows import Window
from ridgeline_client import RidgelineError

SECONDS = {"steady": 250.0, "step": 60.0, "spike": 60.0, "soak": 600.0}
USERS = {"steady": 16, "step": 128, "spike": 8, "soak": 16}
SETTLING = 0.4
"""Share of each stage of a step or spike that is not counted."""


def main() -> int:
    """Measure, print, judge."""
    arguments = _arguments()
    try:
        with server_of(arguments.target, arguments.models, arguments.server_pid, apart=True) as (
            address,
            pid,
        ):
            verdict = _measure(arguments, address, pid)
    except (RidgelineError, ServerFailed, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(told(arguments.shape, verdict), indent=2))
    else:
        console = Console(highlight=False, soft_wrap=True)
        print_verdict(UNARY, verdict, console, together=arguments.shape in ("steady", "soak"))
    return 0 if verdict.passed else 1


def _arguments() -> argparse.Namespace:
    rule = Rule()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shape", choices=list(SHAPES), default="steady")
    parser.add_argument("--users", type=int, help=f"by shape, else: {USERS}; of a step the most")
    parser.add_argument("--seconds", type=float, help=f"at most, by shape, else: {SECONDS}")
    parser.add_argument("--window", type=float, default=10.0, help="seconds of a window")
    parser.add_argument(
        "--warmup", type=float, default=10.0, help="seconds before the first window, ramp included"
    )
    parser.add_argument(
        "--rate", type=float, default=rule.least_rate, help="predictions a second that are required"
    )
    parser.add_argument(
        "--agreement", type=float, default=rule.agreement, help="share by which windows that agree may differ"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the rows")
    parser.add_argument("--target", default="", help="HOST:PORT of a server; without, one is started")
    parser.add_argument("--token-file", default="", help="the target's token; else RIDGELINE_TOKEN, or none")
    add_tls(parser)
    parser.add_argument("--server-pid", type=int, help="of a local target: its CPU time is reported")
    parser.add_argument("--models", type=Path, default=Path("models"), help="for a server that is started")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    arguments = parser.parse_args()
    arguments.users = USERS[arguments.shape] if arguments.users is None else arguments.users
    arguments.seconds = SECONDS[arguments.shape] if arguments.seconds is None else arguments.seconds
    if problems := _problems(arguments):
        parser.error("; ".join(problems))
    return arguments


def _problems(arguments: argparse.Namespace) -> list[str]:
    problems = [
        f"--{name} is {getattr(arguments, name):g}: give more than 0"
        for name in ("users", "seconds", "window", "warmup")
        if not getattr(arguments, name) > 0
    ]
    windows = {"steady": Rule().consecutive, "soak": 1}.get(arguments.shape, 0)
    least = arguments.warmup + windows * arguments.window
    if windows and arguments.seconds < least:
        problems.append(f"--seconds is {arguments.seconds:g}: give {least:g} or more, or shorter windows")
    return problems


def _measure(arguments: argparse.Namespace, address: str, pid: int | None) -> Verdict:
    tls = {f"grpc_{name}": getattr(arguments, name) for name in TLS_OPTIONS}
    options = LoadOptions(
        batch_weight=0, stream_weight=0, seed=arguments.seed, token_file=arguments.token_file, **tls
    )
    stages = SHAPES[arguments.shape](arguments.users, arguments.seconds)
    if len(stages) == 1:
        stages = (replace(stages[0], spawn_rate=min(2 * arguments.users / arguments.warmup, 100.0)),)
    rule = Rule(least_rate=arguments.rate, agreement=arguments.agreement)
    tell = partial(print, file=sys.stderr if arguments.json else sys.stdout, flush=True)
    with locust_run(address, options, stages, pid) as run:
        windows = _windows(run, arguments) if len(stages) == 1 else _stage_windows(run, stages)
        if arguments.shape == "steady":
            tell(limits(_most_windows(arguments), arguments.window, rule))
            return _judged_steady(_telling(windows, tell), _most_windows(arguments), rule)
        return _judged(arguments.shape, _telling(windows, tell), rule)


def _most_windows(arguments: argparse.Namespace) -> int:
    # A hair more, lest a window of 0.1 s be lost to rounding.
    return int((arguments.seconds - arguments.warmup) / arguments.window + 1e-9)


def _windows(run: LocustRun, arguments: argparse.Namespace) -> Iterator[Window]:
    run.skip_until(arguments.warmup)
    for number in range(1, _most_windows(arguments) + 1):
        yield run.measure_until(arguments.warmup + number * arguments.window)


def _stage_windows(run: LocustRun, stages: tuple[Stage, ...]) -> Iterator[Window]:
    start_s = 0.0
    for stage in stages:
        run.skip_until(start_s + SETTLING * (stage.end_s - start_s))
        yield run.measure_until(stage.end_s)
        start_s = stage.end_s


def _telling(windows: Iterator[Window], tell: Callable[[str], None]) -> Iterator[Window]:
    for number, window in enumerate(windows, start=1):
        tell(progress(number, window))
        yield window


def _judged_steady(windows: Iterator[Window], most: int, rule: Rule) -> Verdict:
    seen: list[Window] = []
    for window in windows:
        seen.append(window)
        if (verdict := verdicts.steady(seen, rule)) is not None:
            return verdict
        if verdicts.hopeless(seen, most, rule):
            break
    return verdicts.unsteady(seen, most, rule)


def _judged(shape: str, windows: Iterator[Window], rule: Rule) -> Verdict:
    seen: list[Window] = []
    for window in windows:
        seen.append(window)
        if shape == "step" and verdicts.saturated(seen):
            break
    judge = {"step": verdicts.step, "spike": verdicts.spike, "soak": verdicts.soak}
    return judge[shape](seen, rule)


if __name__ == "__main__":
    sys.exit(main())
