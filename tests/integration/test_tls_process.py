"""TLS as operators meet it: processes, workers, log lines, starts that fail."""

from __future__ import annotations

import signal
from pathlib import Path

import grpc
import pytest

from ridgeline_client import PricingClient, Tls, Unavailable
from support.identities import Identities
from support.process import failed_start, free_ports, server_process
from support.wire import TIMEOUT, connect, record
from support.workers import page, serving_workers


@pytest.fixture
def identities(tmp_path: Path) -> Identities:
    return Identities.of(tmp_path)


def priced(address: str, tls: Tls) -> bool:
    with connect(address, tls) as wire:
        return bool(wire.ask("predict", record()).prediction.price > 0)


def test_a_running_server_finds_changed_files_by_itself(toy_models: Path, identities: Identities) -> None:
    with server_process(*free_ports(toy_models), *identities.flags(mutual=True)) as process:
        address, tls = process.address(), identities.tls("client")
        assert priced(address, tls)
        (identities.folder / "server.pem").write_bytes(b"")
        process.wait_line("changed certificates are refused, those before stay")
        assert priced(address, tls)
        identities.write("server", identities.server())
        process.wait_line("has changed and is taken, valid until")
        assert priced(address, tls)
        process.tell(signal.SIGTERM)
        assert process.wait() == 0


def test_failed_handshakes_leave_no_lines_behind(toy_models: Path, identities: Identities) -> None:
    flags = [*free_ports(toy_models), *identities.flags(), "--log-format", "json"]
    with server_process(*flags) as process:
        with PricingClient(process.address(), timeout=TIMEOUT) as client, pytest.raises(Unavailable):
            client.health()
        process.tell(signal.SIGTERM)
        assert process.wait() == 0
    assert all(line.startswith("{") for line in process.stderr.splitlines()), process.stderr


def test_workers_speak_tls_and_all_follow_the_files(toy_models: Path, identities: Identities) -> None:
    with serving_workers(toy_models, *identities.flags(mutual=True)) as workers:
        assert priced(workers.address, identities.tls("client"))
        with pytest.raises(grpc.RpcError):
            priced(workers.address, identities.tls())
        identities.write("server", identities.server())
        for _ in workers.numbers():
            workers.process.wait_line("has changed and is taken")
        assert priced(workers.address, identities.tls("client"))
        scrape = page(workers.ops)
        own = [page(workers.own_ops(number)) for number in workers.numbers()]
        changes, valid = "ridgeline_tls_changes_total", "ridgeline_tls_valid_until_seconds"
        assert scrape.value(changes, result="taken") == len(own)
        assert {scrape.value(valid), *(each.value(valid) for each in own)} == {scrape.value(valid)}


@pytest.mark.parametrize("number", ["1", "2"])
def test_a_start_with_a_key_that_does_not_fit_says_so(
    toy_models: Path, identities: Identities, number: str
) -> None:
    (identities.folder / "server-key.pem").write_bytes(identities.server().key)
    code, stderr = failed_start(*free_ports(toy_models), *identities.flags(), "--workers", number)
    assert code == 2
    assert "server-key.pem is not the key of" in stderr
    assert "PRIVATE" not in stderr


@pytest.mark.parametrize("number", ["1", "2"])
def test_plaintext_for_others_must_be_asked_for(toy_models: Path, number: str) -> None:
    everywhere = [*free_ports(toy_models), "--address", "0.0.0.0:0", "--workers", number]
    code, stderr = failed_start(*everywhere)
    assert code == 2
    assert "address is '0.0.0.0:0', which others reach, and there is no TLS: set tls_certificate" in stderr
    with server_process(*everywhere, "--allow-plaintext") as process:
        assert process.wait_line("serving on 0.0.0.0:")
