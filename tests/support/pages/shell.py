"""A shell that remembers, and a server beside it, for the commands of one page."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from support.pages import tree

PATIENCE_S = 300.0
SERVES = re.compile(
    r"(?:.*\s)?(?:make serve|(?:\.venv/bin/)?ridgeline-server serve)(?!\S)(?!.*--help)", re.DOTALL
)
GRPC, OPS = "50051", "9464"

# When it ends it tells where it is and its environment: the next command goes on from there.
_REMEMBER = """\
set -a -o pipefail
trap 'printf "%s\\0" "$PWD" > "$SHELL_STATE"; env -0 >> "$SHELL_STATE"' EXIT
"""


@dataclass(frozen=True)
class Done:
    """How a command ended. `output` is all it wrote, with the ports that the pages name."""

    code: int
    output: str


class Shell:
    """Runs commands in a folder. At most one server runs beside them, on ports nobody else has."""

    def __init__(self, folder: Path) -> None:
        self._here = folder
        self._state, self._log = folder.with_name("state"), folder.with_name("server.log")
        self._ports = {GRPC: str(_free_port()), OPS: str(_free_port())}
        self._environment = tree.environment(folder) | self._addresses() | {"SHELL_STATE": str(self._state)}
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            _kill(self._server)

    def run(self, command: str, **variables: str) -> Done:
        """Run a command where the one before left off; `variables` are for this one alone."""
        with tempfile.TemporaryFile("w+") as written:
            process = self._start(_REMEMBER + command, written.fileno(), variables)
            try:
                code, late = process.wait(PATIENCE_S), ""
            except subprocess.TimeoutExpired:
                code, late = -1, f"\nno end after {PATIENCE_S:.0f} s"
            finally:
                _kill(process)
            written.seek(0)
            output = written.read()
        self._remember(variables)
        return Done(code, self._with_page_ports(output) + late)

    def serve(self, command: str) -> Done:
        """Start a server in the place of the one there is; returns when it is ready or has failed."""
        stopped = self.stop()
        if stopped.code:
            return stopped
        with self._log.open("w") as log:
            server = self._server = self._start(command.rstrip("& "), log.fileno(), {})
        until = time.monotonic() + PATIENCE_S
        while server.poll() is None and time.monotonic() < until:
            if self._is_ready():
                return self._done(0)
            time.sleep(0.05)
        _kill(server)
        self._server = None
        return self._done(server.returncode or -1)

    def stop(self) -> Done:
        """Stop the server as operators do; the code is 0 when it ended as it should, or there was none."""
        if self._server is None:
            return Done(0, "")
        server, self._server = self._server, None
        server.terminate()  # make hands it on
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            _kill(server)
        as_told = server.returncode in {0, -signal.SIGTERM}
        return self._done(0 if as_told else server.returncode)

    def _start(self, command: str, output: int, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
        for_this_one = {name: self._with_own_ports(value) for name, value in variables.items()}
        return subprocess.Popen(
            ["bash", "-c", self._with_own_ports(command)],
            cwd=self._here,
            env={**self._environment, **for_this_one},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _remember(self, variables: Mapping[str, str]) -> None:
        if not self._state.exists():
            return
        here, *pairs = self._state.read_text().rstrip("\0").split("\0")
        self._state.unlink()
        self._here = Path(here)
        known = dict(pair.split("=", 1) for pair in pairs)
        self._environment = {name: value for name, value in known.items() if name not in variables}

    def _addresses(self) -> dict[str, str]:
        """Return what leads servers and clients that are told no address to the ports of this shell."""
        grpc, ops = self._ports[GRPC], self._ports[OPS]
        return {
            "PORT": grpc,
            "OPS_PORT": ops,
            "RIDGELINE_TARGET": f"localhost:{grpc}",
            "RIDGELINE_SERVER_ADDRESS": f"127.0.0.1:{grpc}",
            "RIDGELINE_SERVER_OPS_ADDRESS": f"127.0.0.1:{ops}",
        }

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._ports[OPS]}/readyz", timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def _done(self, code: int) -> Done:
        return Done(code, self._with_page_ports(self._log.read_text()))

    def _with_own_ports(self, text: str) -> str:
        return re.sub(rf"\b({GRPC}|{OPS})\b", lambda match: self._ports[match[1]], text)

    def _with_page_ports(self, text: str) -> str:
        for named, own in self._ports.items():
            text = re.sub(rf"\b{own}\b", named, text)
        return text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process of ours and what it started, unless it has ended by itself."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
