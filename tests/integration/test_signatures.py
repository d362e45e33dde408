"""A server that requires signatures: what it serves, what it refuses to start with, what it says."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from ridgeline_export.signing import sign
from ridgeline_server.engine.artifact import load
from support.process import ServerProcess, failed_start, free_ports, server_process
from support.signed import Keys, new_keys, secret_of, signed_models
from support.wire import connect, record
from support.workers import serving_workers

WITHOUT_LIBRARY = """
import sys
sys.modules["cryptography"] = None
from ridgeline_server.command import main
sys.exit(main())
"""


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return new_keys(tmp_path)


@pytest.fixture
def models(toy_models: Path, tmp_path: Path, keys: Keys) -> Path:
    return signed_models(toy_models, tmp_path / "models", keys)


def without_library(*flags: str) -> ServerProcess:
    return ServerProcess(["-c", WITHOUT_LIBRARY, "serve", *flags], {})


def test_a_signed_version_is_served_and_the_key_is_said(models: Path, keys: Keys) -> None:
    with server_process(*free_ports(models), "--require-signature", str(keys.public)) as process:
        assert f"toys/1 is signed by key {keys.id}" in process.wait_line("is signed by")
        with connect(process.address()) as wire:
            assert wire.ask("predict", record()).prediction.price > 0


def test_each_worker_checks_for_itself_whenever_it_starts(models: Path, tmp_path: Path, keys: Keys) -> None:
    with serving_workers(models, "--require-signature", str(keys.public)) as workers:
        sign(models / "toys" / "1", new_keys(tmp_path, "other").private)
        os.kill(workers.pid(1), signal.SIGKILL)
        workers.process.wait_line("manifest.sig does not sign manifest.json as it is")
        workers.process.tell(signal.SIGTERM)
        assert workers.process.wait() == 0
        assert workers.process.stderr.count(f"is signed by key {keys.id}") == len(workers.numbers())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_unsigned_version_is_refused(toy_models: Path, keys: Keys, workers: str) -> None:
    flags = [*free_ports(toy_models), "--require-signature", str(keys.public), "--workers", workers]
    code, stderr = failed_start(*flags)
    assert code == 2
    assert f"{toy_models}/toys/1: manifest.sig is not there: the version is not signed" in stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_version_signed_by_another_is_refused(models: Path, tmp_path: Path, workers: str) -> None:
    other = new_keys(tmp_path, "other")
    flags = [*free_ports(models), "--require-signature", str(other.public), "--workers", workers]
    code, stderr = failed_start(*flags)
    assert code == 2
    assert "manifest.sig does not sign manifest.json as it is: one of the two was changed" in stderr
    assert other.id in stderr


def test_nothing_of_an_unsigned_version_is_parsed(models: Path, keys: Keys) -> None:
    (models / "toys" / "1" / "manifest.json").write_bytes(b"{ no JSON")
    _, stderr = failed_start(*free_ports(models), "--require-signature", str(keys.public))
    assert "does not sign manifest.json" in stderr
    assert "JSON (" not in stderr


@pytest.mark.parametrize(
    ("flags", "environment", "problem"),
    [
        (["--require-signature", "none.pem"], {}, "none.pem cannot be read: No such file"),
        (
            ["--require-signature="],
            {},
            "--require-signature is '': expected a PEM file of public keys, or off",
        ),
        ([], {"RIDGELINE_SERVER_REQUIRE_SIGNATURE": ""}, "expected a PEM file of public keys, or off"),
    ],
)
def test_keys_that_are_not_there_are_no_reason_to_serve(
    models: Path, flags: list[str], environment: Mapping[str, str], problem: str
) -> None:
    code, stderr = failed_start(*free_ports(models), *flags, environment=environment)
    assert code == 2
    assert "wrong settings" in stderr
    assert problem in stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_private_key_is_refused_and_not_quoted(models: Path, keys: Keys, workers: str) -> None:
    flags = [*free_ports(models), "--require-signature", str(keys.private), "--workers", workers]
    code, stderr = failed_start(*flags, "--log-level", "debug")
    assert code == 2
    assert "holds a private key: keep it secret, and give the public one" in stderr
    assert secret_of(keys)[:16] not in stderr


def test_the_library_is_needed_only_where_signatures_are_required(models: Path, keys: Keys) -> None:
    process = without_library(*free_ports(models))
    try:
        assert process.address()
    finally:
        process.close()
    process = without_library(*free_ports(models), "--require-signature", str(keys.public))
    try:
        assert process.wait() == 2
        assert "cryptography is not there: install ridgeline with the extra `signing`" in process.stderr
    finally:
        process.close()


def test_signatures_are_not_looked_at_unless_required(models: Path) -> None:
    (models / "toys" / "1" / "manifest.sig").write_bytes(b"no signature")
    assert load(models / "toys" / "1").manifest.name == "toys"
