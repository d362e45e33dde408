"""Scoring jobs: `ridgeline score`, in a process of its own where a test stops or kills it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from ridgeline_client.cli.app import app
from support import toys

PATIENCE_S = 300.0

# Runs the command; after step PAUSE_AFTER it says so and waits for a line, and it kills itself at system call
# KILL_AT ("name number", before the call does anything).
_HOOKED = """
import os, signal, sys
from pathlib import Path
from ridgeline_client.__main__ import main
from ridgeline_client.score.stint import StintRun

pause_after = int(os.environ.get("PAUSE_AFTER", "0"))
name, number = (os.environ.get("KILL_AT", "none 0")).split()
steps = calls = 0
committed = StintRun._committed

def pausing(self, *arguments):
    global steps
    state = committed(self, *arguments)
    steps += 1
    if steps == pause_after:
        print("paused", file=sys.stderr, flush=True)
        sys.stdin.readline()
    return state

def dying(real):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == int(number):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return call

StintRun._committed = pausing
if name == "fsync":
    os.fsync = dying(os.fsync)
if name == "replace":
    Path.replace = dying(Path.replace)
main()
"""


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        """What --json printed."""
        facts: dict[str, Any] = json.loads(self.stdout)
        return facts


class ScoreProcess:
    """A running `ridgeline score`."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith("RIDGELINE_")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOOKED, "score", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**own, "COLUMNS": "200", **environment},
        )

    def wait_paused(self) -> None:
        """Wait until the step was written after which it pauses."""
        assert self.process.stderr is not None
        said = ""
        for line in self.process.stderr:
            said += line
            if line == "paused\n":
                return
        raise AssertionError(f"it ended before it paused:\n{said}")

    def finish(self, *, go_on: bool = True) -> Finished:
        """Let it go on and wait for its end."""
        stdout, stderr = self.process.communicate("\n" if go_on else None, timeout=PATIENCE_S)
        return Finished(self.process.returncode, stdout, stderr)

    def kill(self) -> None:
        """End it at once."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=PATIENCE_S)


@contextmanager
def started(
    source: Path, target: Path, *flags: str, server: str, pause_after: int = 0, kill_at: str = ""
) -> Iterator[ScoreProcess]:
    """Start `ridgeline score --json`; see `_HOOKED` for `pause_after` and `kill_at`."""
    hooks = {"PAUSE_AFTER": str(pause_after)} | ({"KILL_AT": kill_at} if kill_at else {})
    process = ScoreProcess([str(source), str(target), "--target", server, "--json", *flags], hooks)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.process.kill()
            process.process.communicate()


def score(source: Path, target: Path, *flags: str, server: str) -> Finished:
    """Run `ridgeline score --json` to its end, in this process: to start one takes longer than to score."""
    arguments = ["score", str(source), str(target), "--target", server, "--json", *flags]
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)
    return Finished(done.exit_code, done.stdout, done.stderr)


def big_toys(rows: int) -> pd.DataFrame:
    """The toys' table with `rows` distinct rows: gaps, unseen brands, prices beyond the range."""
    rng = np.random.default_rng(11)
    frame = toys.table().sample(rows, replace=True, random_state=3).reset_index(drop=True)
    frame["sku"] = [f"T{row:07}" for row in range(rows)]
    frame["ram"] = (frame["ram"] + rng.normal(0, 60, rows)).clip(0, 1000).round(3)
    frame["weight"] = (frame["weight"] + rng.random(rows)).round(4)
    unseen = rng.random(rows) < 0.01
    frame["brand"] = frame["brand"].mask(unseen, pd.Series(rng.choice(["Zyx", 'Q"uote', "a,b"], rows)))
    return frame


def write(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table in the format its name stands for, as pandas does."""
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return path
