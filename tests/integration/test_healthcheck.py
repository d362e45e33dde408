"""`ridgeline-server healthcheck` asks a server that runs: in this process, or one that never answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from ridgeline_server import command
from ridgeline_server.app import App
from ridgeline_server.transport import healthcheck
from support.servers import new_app


@pytest.fixture
def silent_address() -> Iterator[str]:
    """An address where connections are accepted by the kernel and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def nobody_address() -> Iterator[str]:
    """An address that is taken and where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def _check(address: str) -> int:
    return command.main(["healthcheck", "--address", address])


def test_a_server_that_serves_is_healthy(toy_server: App, capsys: pytest.CaptureFixture[str]) -> None:
    assert _check(toy_server.address) == 0
    assert capsys.readouterr().out == f"{toy_server.address} is SERVING\n"


def test_a_server_that_listens_everywhere_is_asked_by_loopback(
    toy_server: App, capsys: pytest.CaptureFixture[str]
) -> None:
    port = toy_server.address.rpartition(":")[2]
    assert _check(f"0.0.0.0:{port}") == 0
    assert capsys.readouterr().out == f"127.0.0.1:{port} is SERVING\n"


def test_the_address_comes_from_where_serve_takes_it(
    toy_server: App, nobody_address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "server.toml"
    file.write_text(f'models = "nowhere"\naddress = "{toy_server.address}"\n')
    assert command.main(["healthcheck", "--config", str(file)]) == 0
    monkeypatch.setenv("RIDGELINE_SERVER_ADDRESS", nobody_address)
    assert command.main(["healthcheck", "--config", str(file)]) == 1
    monkeypatch.setenv("RIDGELINE_SERVER_ADDRESS", toy_server.address)
    assert command.main(["healthcheck"]) == 0


def test_a_proxy_of_the_environment_is_not_asked(
    toy_server: App, nobody_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{nobody_address}")
    assert _check(toy_server.address) == 0


def test_a_server_that_still_loads_is_not_healthy(
    toy_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = new_app(toy_models)
    app.listen()
    try:
        assert _check(app.address) == 1
        assert f"{app.address} is NOT_SERVING" in capsys.readouterr().err
        app.load()
        assert _check(app.address) == 0
    finally:
        app.stop()


def test_where_nobody_listens_the_address_is_named(
    nobody_address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _check(nobody_address) == 1
    assert f"no server answers on {nobody_address}" in capsys.readouterr().err


def test_a_server_that_hangs_is_given_up(
    silent_address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(healthcheck, "TIMEOUT_S", 0.2)
    assert _check(silent_address) == 1
    assert f"{silent_address} gave no answer in 0.2 s" in capsys.readouterr().err


def test_a_grpc_server_without_health_is_not_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        assert _check(f"127.0.0.1:{port}") == 1
        server.stop(None).wait()
    assert f"127.0.0.1:{port} answered UNIMPLEMENTED" in capsys.readouterr().err


def test_a_port_that_speaks_something_else_is_not_healthy(
    toy_server: App, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _check(toy_server.ops_address) == 1
    assert toy_server.ops_address in capsys.readouterr().err
