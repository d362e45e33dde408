"""HAProxy with the configuration of deploy/, in front of a server of this process."""

from __future__ import annotations

import os
import select
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from ridgeline_server.app import App
from support.process import PATIENCE_S
from support.wire import Wire

CONFIGURATION = Path(__file__).parents[2] / "deploy/haproxy.cfg"


@dataclass(frozen=True)
class Edge:
    """Where the proxy is, and the certificate it shows."""

    address: str
    certificate: bytes

    @contextmanager
    def connect(self) -> Iterator[Wire]:
        """A connection of its own over TLS."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        credentials = grpc.ssl_channel_credentials(self.certificate)
        with grpc.secure_channel(self.address, credentials, options=options) as channel:
            yield Wire(channel)


def certificate(directory: Path) -> Path:
    """Make a key and a certificate for localhost; returns the file that holds both."""
    key, public, both = (directory / name for name in ("key.pem", "certificate.pem", "edge.pem"))
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(public)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    both.write_bytes(public.read_bytes() + key.read_bytes())
    return both


@contextmanager
def edge(server: App, files: Path, **limits: int) -> Iterator[Edge]:
    """HAProxy before `server`; `limits` are variables of the configuration. `files` has `certificate`'s."""
    host, port = server.ops_address.rsplit(":", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
        "EDGE_ADDRESS": address,
        "EDGE_CERTIFICATE": str(files / "edge.pem"),
        "SERVER_ADDRESS": server.address,
        "OPS_ADDRESS": host,
        "OPS_PORT": port,
        **{name: str(value) for name, value in limits.items()},
    }
    path = f"{os.environ['PATH']}:/usr/sbin"
    process = subprocess.Popen(
        ["haproxy", "-W", "-db", "-f", str(CONFIGURATION)],
        env={"PATH": path, **environment},
        stderr=subprocess.PIPE,
    )
    try:
        _await_ready(process)
        yield Edge(f"localhost:{address.rsplit(':', 1)[1]}", (files / "certificate.pem").read_bytes())
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def _await_ready(process: subprocess.Popen[bytes]) -> None:
    """Wait for what the master says once its ports are open."""
    assert process.stderr is not None
    said = b""
    while b"Loading success" not in said:
        ready, _, _ = select.select([process.stderr], [], [], PATIENCE_S)
        part = os.read(process.stderr.fileno(), 4096) if ready else b""
        assert part, f"HAProxy did not start: {said.decode()}"
        said += part
