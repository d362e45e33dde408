"""What a price costs: the price server beside a bare echo and beside grpcio with onnxruntime alone.

The figures are CPU time of the server's processes, taken in interleaved rounds. What counts is the ratio
within a round, because the speed of a machine drifts. Each server is kept on one CPU and the load on the
others, unless --unpinned. With --check the exit code is 1 when a median ratio is more than 15% worse than the
recorded one.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
from rich.console import Console
from rich.progress import Progress

from harness.bench_report import plain, show
from harness.bench_rounds import Figures, Sample, figures, interleaved
from harness.bench_sections import (
    RIDGELINE,
    SECTIONS,
    Section,
    described,
    reply_sizes,
    sections,
    servers,
    servers_guarded,
    servers_without,
)
from harness.process_cpu import StealMeter, told_stolen
from harness.server import RunningServer, ServerFailed, on_cpus, running_server, split_cpus
from ridgeline_client import RidgelineError

RECORDED = Path(__file__).parent / "bench.json"
WORSE = 1.15

Results = dict[str, dict[str, Figures]]
"""Figures by server, by section."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    arguments = _arguments(argv)
    console = Console(stderr=arguments.json, highlight=False)
    steal = StealMeter()
    try:
        results, units = _measured(arguments, console)
    except (RidgelineError, ServerFailed, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except grpc.RpcError as call:
        print(f"error: a server ended a call with {call.code().name}: {call.details()}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({name: plain(of) for name, of in results.items()}, indent=2))
    else:
        show(results, units, console)
    console.print(f"This machine: {told_stolen(steal.share())}", soft_wrap=True)
    if arguments.record:
        # Sections that were not run keep their record: without one, --check would not look at them.
        RECORDED.write_text(json.dumps(recorded_ratios() | _ratios(results), indent=2) + "\n")
    worse = worse_than_recorded(_ratios(results), recorded_ratios()) if arguments.check else []
    for problem in worse:
        print(problem, file=sys.stderr)
    return 1 if worse else 0


def recorded_ratios() -> dict[str, float]:
    """Median ratio of the price server by section, as recorded."""
    ratios: dict[str, float] = json.loads(RECORDED.read_text())
    return ratios


def worse_than_recorded(found: dict[str, float], recorded: dict[str, float]) -> list[str]:
    """Say which median ratios are more than 15% worse than the recorded ones, and which have no record."""
    unknown = [f"{name}: no ratio is recorded (--record)" for name in found if name not in recorded]
    return unknown + [
        f"{name}: ratio {found[name]:.2f}, recorded {before:.2f}: more than {WORSE - 1:.0%} worse"
        for name, before in recorded.items()
        if name in found and found[name] > WORSE * before
    ]


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each server in each round")
    parser.add_argument("--only", default="", help="the section whose name begins so")
    parser.add_argument("--features", action="store_true", help="the server beside itself without a feature")
    parser.add_argument(
        "--slowed", action="store_true", help="a server that prices several times: --check fails"
    )
    parser.add_argument("--guarded", action="store_true", help="the server beside itself with tokens and TLS")
    parser.add_argument("--unpinned", action="store_true", help="let the system choose the CPUs")
    parser.add_argument("--check", action="store_true", help="compare with the recorded ratios")
    parser.add_argument("--record", action="store_true", help="record the ratios")
    parser.add_argument("--json", action="store_true", help="figures for machines")
    arguments = parser.parse_args(argv)
    if problems := _problems(arguments):
        parser.error("; ".join(problems))
    return arguments


def _problems(arguments: argparse.Namespace) -> list[str]:
    problems = []
    if arguments.rounds < 1 or not 0 < arguments.seconds <= 3600:
        problems.append("give --rounds 1 or more and --seconds above 0, at most 3,600")
    if (arguments.check or arguments.record) and (arguments.features or arguments.guarded):
        problems.append(
            "recorded ratios are to other servers: no --check, --record with --features, --guarded"
        )
    if arguments.record and arguments.slowed:
        problems.append("a server slowed down is nothing to --record")
    if not any(name.startswith(arguments.only) for name in SECTIONS):
        problems.append(f"--only is {arguments.only!r}: expected the beginning of {' or '.join(SECTIONS)}")
    return problems


def _measured(arguments: argparse.Namespace, console: Console) -> tuple[Results, dict[str, str]]:
    first, others = (None, None) if arguments.unpinned else split_cpus()
    with running_server(arguments.models) as server:
        description = described(server.address)
        replies = reply_sizes(server.address, description)
    chosen = [s for s in sections(description) if s.name.startswith(arguments.only)]
    version = arguments.models / description.model.name / str(description.model.version)
    with ExitStack() as stack:
        with on_cpus(first):
            if arguments.features:
                started = servers_without(arguments.models)
            elif arguments.guarded:
                folder = Path(stack.enter_context(TemporaryDirectory()))
                started = servers_guarded(arguments.models, folder)
            else:
                started = servers(arguments.models, version, replies, slowed=arguments.slowed)
            running_servers = stack.enter_context(started)
        stack.enter_context(on_cpus(others))
        progress = stack.enter_context(Progress(console=console))
        results = {}
        for section in chosen:
            base = RIDGELINE if arguments.features or arguments.guarded else section.base
            task = progress.add_task(section.name, total=len(running_servers) * (arguments.rounds + 1))
            run = _Run(section, running_servers, arguments.seconds)
            for kind in running_servers:  # warm-up
                run.measure(kind)
                progress.advance(task)
            advance = partial(progress.advance, task)
            results[section.name] = figures(
                interleaved(running_servers, arguments.rounds, run.measure, advance), base
            )
    return results, {section.name: section.unit for section in chosen}


@dataclasses.dataclass(frozen=True, slots=True)
class _Run:
    section: Section
    servers: dict[str, RunningServer]
    seconds: float

    def measure(self, kind: str) -> Sample:
        """One sample of one server."""
        return self.section.measure(self.servers[kind], kind, self.seconds)


def _ratios(results: Results) -> dict[str, float]:
    return {name: round(of[RIDGELINE].ratio, 3) for name, of in results.items()}


if __name__ == "__main__":
    sys.exit(main())
