"""The server as operators run it: a process of its own with signals, log lines and exit codes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

PATIENCE_S = 120.0
HELD_ROWS = 2

_MODULE = ("-m", "ridgeline_server")
_HELD = f"""
import sys
from ridgeline_server.command import main
from ridgeline_server.engine.model import OnnxGraph

real = OnnxGraph.run

def run(self, output, feed):
    if len(feed['numeric']) == {HELD_ROWS}:
        print("held", file=sys.stderr, flush=True)
        sys.stdin.readline()
    return real(self, output, feed)

OnnxGraph.run = run
sys.exit(main())
"""


class ServerProcess:
    """A running `ridgeline-server serve`; what it writes to stderr is read as it comes."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str]) -> None:
        own = {k: v for k, v in os.environ.items() if not k.startswith("RIDGELINE_")}
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**own, **environment},
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.stderr = ""

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._lines.put(line)
        self._lines.put("")

    def wait_line(self, text: str) -> str:
        """Wait for a line that holds `text`; returns it."""
        while line := self._lines.get(timeout=PATIENCE_S):
            self.stderr += line
            if text in line:
                return line
        raise AssertionError(f"the process ended without {text!r}:\n{self.stderr}")

    def address(self) -> str:
        """Wait until it serves; returns HOST:PORT."""
        found = re.search(r"serving on (\S+:\d+)", self.wait_line("serving on "))
        assert found
        return found[1]

    def tell(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def let_go(self) -> None:
        """Let the held model run go on."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def wait(self) -> int:
        """Wait for the end; returns the exit code. `stderr` is then complete."""
        code = self._process.wait(PATIENCE_S)
        while line := self._lines.get(timeout=PATIENCE_S):
            self.stderr += line
        return code

    def close(self) -> None:
        """End it by force when it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stderr):
            assert pipe is not None
            pipe.close()


@contextmanager
def server_process(
    *flags: str, environment: Mapping[str, str] | None = None, held: bool = False
) -> Iterator[ServerProcess]:
    """Start `ridgeline-server serve` with `flags`; `held`: model runs of HELD_ROWS rows wait for `let_go`."""
    start = ("-c", _HELD) if held else _MODULE
    process = ServerProcess([*start, "serve", *flags], environment or {})
    try:
        yield process
    finally:
        process.close()


def free_ports(models: Path) -> list[str]:
    """Flags to serve `models` on ports nobody else has."""
    return ["--models", str(models), "--address", "127.0.0.1:0", "--ops-address", "127.0.0.1:0"]


def failed_start(*flags: str, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit code and stderr of a start that must fail, without a traceback."""
    with server_process(*flags, environment=environment) as process:
        code = process.wait()
        assert "Traceback" not in process.stderr
        assert "serving on" not in process.stderr
        return code, process.stderr
