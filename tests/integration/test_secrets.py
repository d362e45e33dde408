"""Secrets are handed to the server and its callers' calls: nobody finds them where they do not belong."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.config import Settings, as_flags
from support import http2
from support.process import free_ports, server_process
from support.signed import new_keys, secret_of, signed_models
from support.wire import SERVICE, TIMEOUT, Wire, connect, record

BEARER = os.urandom(12).hex()
COLLECTOR = os.urandom(12).hex()
METADATA = (("authorization", f"Bearer {BEARER}"), ("x-api-key", BEARER))
ENVIRONMENT = {
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer {COLLECTOR}",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
}
"""What exporting spans needs: a secret, and a place where nobody listens."""


def titles(pid: int) -> str:
    """What `ps` shows of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return " ".join(Path(f"/proc/{each}/cmdline").read_text() for each in (pid, *children))


def refused(wire: Wire, request: pb.PredictRequest) -> str:
    """All a caller is told who sends its secret along."""
    with pytest.raises(grpc.RpcError) as caught:
        wire.stub.Predict(request, timeout=TIMEOUT, metadata=METADATA)
    error: Any = caught.value
    return f"{error} {error.initial_metadata()} {error.trailing_metadata()}"


def unreadable(address: str) -> str:
    """All a caller is told whose secret has a byte behind it that is no UTF-8."""
    with http2.http2(address) as caller:
        caller.send(
            http2.call(1, SERVICE + "Predict", {"authorization": f"Bearer {BEARER}".encode() + b"\xff"}),
            http2.message(1, b""),
        )
        told = b""
        for kind, content in caller.frames():
            told += content
            if kind == http2.HEADERS:
                break
        return told.decode("latin1")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_secrets_are_in_no_log_error_page_or_process_title(
    toy_models: Path, tmp_path: Path, workers: str
) -> None:
    keys = new_keys(tmp_path)
    models = signed_models(toy_models, tmp_path / "models", keys)
    flags = [
        *free_ports(models), "--require-signature", str(keys.public),
        "--tracing", "--log-level", "debug", "--slow-call-s", "0.000001", "--workers", workers,
    ]  # fmt: skip
    with server_process(*flags, environment=ENVIRONMENT) as process:
        ops = process.wait_line(" on http://").rpartition("http://")[2].strip()
        address = process.address()
        with connect(address) as wire:
            wire.stub.Predict(pb.PredictRequest(record=record()), timeout=TIMEOUT, metadata=METADATA)
            told = refused(wire, pb.PredictRequest(model="none", record=record()))
            told += refused(wire, pb.PredictRequest(record=record(nonsense=1.0)))
        told += unreadable(address)
        seen = titles(process.pid)
        with urlopen(f"http://{ops}/metrics", timeout=TIMEOUT) as page:
            metrics = page.read().decode()
        process.tell(signal.SIGTERM)
        assert process.wait() == 0
    assert "UNKNOWN_MODEL" in told + process.stderr
    assert "ridgeline_calls_total" in metrics
    assert "--require-signature" in seen
    for place in (told, seen, metrics, process.stderr):
        assert BEARER not in place
        assert COLLECTOR not in place
        assert secret_of(keys)[:16] not in place


def test_workers_are_handed_settings_and_no_setting_is_a_secret() -> None:
    """Flags can be seen by everyone on the machine: a secret is a file, and the setting its path."""
    named = {
        name: field.description or ""
        for name, field in Settings.model_fields.items()
        if any(word in name for word in ("password", "secret", "token", "private", "credential"))
    }
    assert named
    assert [name for name, meaning in named.items() if not meaning.startswith("file ")] == []
    assert len(as_flags(Settings(models=Path()))) == len(Settings.model_fields)
