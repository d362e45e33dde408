"""From the start of a server process to its first healthy answer, and its memory: idle, and after calls."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from harness.calls import OK, price_calls, run
from harness.closed_loop import Bounds, run_closed
from harness.process_cpu import usage
from harness.server import RunningServer, ServerFailed, running_server
from ridgeline_client import PricingClient, RidgelineError

CALLERS = 8
MOST_SECONDS = 600.0
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a server.

    Attributes:
        seconds: from the start of the process to the first health answer SERVING; the server prints its
            address when it serves, and is asked then.
        idle_bytes: resident memory at that time.
    """

    seconds: float
    idle_bytes: int


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    arguments = _arguments(argv)
    console = Console(stderr=True)
    try:
        starts = [
            _start(arguments.models) for _ in track(range(arguments.starts), "Starting", console=console)
        ]
        loaded_bytes, codes = _loaded(arguments.models, arguments.calls)
    except (RidgelineError, ServerFailed, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 1
    if arguments.json:
        told = {"starts": [asdict(start) for start in starts], "loaded_bytes": loaded_bytes, "codes": codes}
        print(json.dumps(told, indent=2))
    else:
        _show(starts, loaded_bytes, codes, Console(highlight=False, soft_wrap=True))
    return 0 if set(codes) == {OK} else 1


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--calls", type=int, default=20_000, help="Predict calls before memory is read again")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    arguments = parser.parse_args(argv)
    if not 1 <= arguments.starts <= 100 or not 1 <= arguments.calls <= 1_000_000:
        parser.error("give --starts 1 to 100 and --calls 1 to 1,000,000")
    return arguments


def _start(models: Path) -> Start:
    began = time.perf_counter()
    with running_server(models) as server:
        _require_serving(server)
        return Start(time.perf_counter() - began, usage(server.pid).resident_bytes)


def _require_serving(server: RunningServer) -> None:
    with PricingClient(server.address) as client:
        status = client.health()
    if status != "SERVING":
        raise ServerFailed(f"it said that it serves, and its health is {status}")


def _loaded(models: Path, count: int) -> tuple[int, Counter[str]]:
    with running_server(models) as server:
        made = run(run_closed(price_calls(server.address), CALLERS, Bounds(MOST_SECONDS, count)))
        return usage(server.pid).resident_bytes, made.codes


def _show(starts: list[Start], loaded_bytes: int, codes: Counter[str], console: Console) -> None:
    seconds = sorted(start.seconds for start in starts)
    idle_mb = statistics.median(start.idle_bytes for start in starts) / _MB
    console.print(
        f"start to the first healthy answer: median {statistics.median(seconds):.2f} s of {len(starts)} "
        f"({seconds[0]:.2f} to {seconds[-1]:.2f})"
    )
    console.print(
        f"resident memory: {idle_mb:.0f} MB idle, {loaded_bytes / _MB:.0f} MB after {codes.total():,} calls"
    )
    for code, count in sorted(codes.items()):
        if code != OK:
            console.print(f"warning: {count:,} calls ended {code}", style="yellow")


if __name__ == "__main__":
    sys.exit(main())
