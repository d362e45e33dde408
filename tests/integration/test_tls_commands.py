"""TLS as callers ask for it: the client, the command, the health check, the load tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import openloop
from harness.calls import OK
from ridgeline_client import PricingClient, Tls, Unavailable
from ridgeline_client.cli.app import app as cli
from ridgeline_server import command
from support.commands import Capture, told
from support.identities import Identities
from support.servers import serving
from support.wire import TIMEOUT


@pytest.fixture
def identities(tmp_path: Path) -> Identities:
    return Identities.of(tmp_path)


def test_the_python_client_speaks_tls(toy_models: Path, identities: Identities) -> None:
    with serving(toy_models, **identities.settings(mutual=True)) as app:
        with PricingClient(app.address, timeout=TIMEOUT, tls=identities.tls("client")) as client:
            assert client.describe().model.name == "toys"
        with PricingClient(app.address, timeout=TIMEOUT, tls=identities.tls()) as client:
            with pytest.raises(Unavailable, match="do both or neither speak TLS"):
                client.health()


def test_a_server_may_be_called_by_another_name(toy_models: Path, identities: Identities) -> None:
    identities.write("server", identities.authority.issue("server", ["prices.example"]))
    ca = identities.folder / "ca.pem"
    with serving(toy_models, **identities.settings()) as app:
        with PricingClient(app.address, timeout=TIMEOUT, tls=Tls(ca)) as client:
            with pytest.raises(Unavailable, match="Hostname"):
                client.health()
        tls = Tls(ca, server_name="prices.example")
        other = f"127.0.0.2:{app.address.rpartition(':')[2]}"
        for target in (app.address, f"{app.address},{other}"):
            with PricingClient(target, timeout=TIMEOUT, tls=tls) as client:
                assert client.health() == "SERVING"


@pytest.mark.parametrize("where", ["flags", "environment"])
def test_the_command_takes_the_options_of_tls(
    toy_models: Path, identities: Identities, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    files = {"ca": "ca.pem", "certificate": "client.pem", "key": "client-key.pem"}
    given = {name: str(identities.folder / file) for name, file in files.items()}
    flags = [f"--tls-{name}={path}" for name, path in given.items()] if where == "flags" else []
    if where == "environment":
        for name, path in given.items():
            monkeypatch.setenv(f"RIDGELINE_TLS_{name.upper()}", path)
    with serving(toy_models, **identities.settings(mutual=True)) as app:
        for asked in (["health"], ["describe"], ["predict", "--demo"]):
            done = CliRunner().invoke(cli, [*asked, "--target", app.address, *flags, "--timeout", "60"])
            assert done.exit_code == 0, done.output


def test_score_takes_the_options_of_tls(toy_models: Path, identities: Identities, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("ram,screen,weight,brand,port_code\n32,11,2,Acme,3\n")
    tables = [str(tmp_path / name) for name in ("in.csv", "out.csv")]
    with serving(toy_models, **identities.settings()) as app:
        told = ["score", *tables, "--target", app.address, "--tls-ca", str(identities.folder / "ca.pem")]
        done = CliRunner().invoke(cli, told)
    assert done.exit_code == 0, done.output
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 2


def test_half_an_identity_is_a_usage_error(identities: Identities) -> None:
    told = ["health", "--tls-certificate", str(identities.folder / "client.pem")]
    done = CliRunner().invoke(cli, told)
    assert done.exit_code == 2
    assert "a certificate is given and no key" in " ".join(done.output.replace("│", "").split())


@pytest.mark.parametrize("mutual", [False, True])
def test_the_health_check_speaks_tls_when_the_server_does(
    toy_models: Path, identities: Identities, monkeypatch: pytest.MonkeyPatch, capsys: Capture, mutual: bool
) -> None:
    for name, path in identities.settings(mutual=mutual).items():
        monkeypatch.setenv(f"RIDGELINE_SERVER_{name.upper()}", path)
    with serving(toy_models, **identities.settings(mutual=mutual)) as app:
        check = ["healthcheck", "--address", app.address]
        assert told(capsys, command.main, *check) == (0, f"{app.address} is SERVING\n")
        ca = ("--tls-ca", str(identities.folder / "ca.pem"))
        assert told(capsys, command.main, *check, *ca)[0] == 0
        assert told(capsys, command.main, *check, *ca, "--tls-server-name", "localhost")[0] == 0
        code, printed = told(capsys, command.main, *check, *ca, "--tls-server-name", "prices.example")
        assert code == 1
        assert "do not agree on TLS" in printed


def test_a_health_check_of_plaintext_by_tls_says_so(
    toy_models: Path, identities: Identities, capsys: Capture
) -> None:
    with serving(toy_models) as app:
        code, printed = told(
            capsys, command.main, "healthcheck", "--address", app.address, *identities.flags()
        )
    assert code == 1
    assert f"{app.address} does not speak TLS" in printed


def test_the_health_check_goes_on_while_bad_files_lie_there(
    toy_models: Path, identities: Identities, capsys: Capture
) -> None:
    with serving(toy_models, **identities.settings()) as app:
        (identities.folder / "server.pem").write_bytes(b"")
        check = ["healthcheck", "--address", app.address, *identities.flags()]
        assert told(capsys, command.main, *check)[0] == 0


def test_load_tests_take_the_options_of_tls(
    toy_models: Path, identities: Identities, capsys: Capture
) -> None:
    ca = ("--tls-ca", str(identities.folder / "ca.pem"))
    with serving(toy_models, **identities.settings()) as app:
        flags = ("--target", app.address, "--rate", "20", "--seconds", "0.5", "--warmup", "0.1", "--json")
        code, printed = told(capsys, openloop.main, *flags, *ca)
        assert code == 0
        assert json.loads(printed)["codes"].keys() == {OK}
        assert told(capsys, openloop.main, *flags)[0] == 1
