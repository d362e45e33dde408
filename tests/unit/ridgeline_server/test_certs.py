"""`ridgeline-server certs dev`: what it writes, for whom it can be read, what it never replaces."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ridgeline_server import command
from ridgeline_server.certs.authority import Authority
from support.commands import Capture, told
from support.identities import days

FILES = ["ca.pem", "server.pem", "server-key.pem", "client.pem", "client-key.pem"]


def certs(capsys: Capture, folder: Path, *flags: str) -> tuple[int, str]:
    return told(capsys, command.main, "certs", "dev", "--out", str(folder), *flags)


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_it_writes_an_authority_a_server_and_a_client(tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "new" / "certs"
    code, printed = certs(capsys, folder)
    assert code == 0
    assert printed.splitlines() == [str(folder / name) for name in FILES]
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    authority = certificate(folder / "ca.pem")
    for name in ("server", "client"):
        certificate(folder / f"{name}.pem").verify_directly_issued_by(authority)


def test_keys_are_for_their_owner_alone(tmp_path: Path, capsys: Capture) -> None:
    certs(capsys, tmp_path)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert {mode for name, mode in modes.items() if "-key" in name} == {0o600}
    assert all(mode & 0o077 == 0 for name, mode in modes.items() if "-key" in name)
    assert not any(b"PRIVATE" in (tmp_path / name).read_bytes() for name in modes if "-key" not in name)


def test_what_is_there_is_replaced_only_by_force(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "client-key.pem").write_text("precious")
    code, printed = certs(capsys, tmp_path)
    assert code == 1
    assert f"{tmp_path / 'client-key.pem'}: there already; --force replaces" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["client-key.pem"]
    assert (tmp_path / "client-key.pem").read_text() == "precious"
    assert certs(capsys, tmp_path, "--force")[0] == 0
    assert b"PRIVATE KEY" in (tmp_path / "client-key.pem").read_bytes()
    assert stat.S_IMODE((tmp_path / "client-key.pem").stat().st_mode) == 0o600


def test_hosts_and_clients_are_named(tmp_path: Path, capsys: Capture) -> None:
    flags = ["--host", "prices.example", "--host", "10.0.0.5", "--client", "shop", "--client", "jobs"]
    assert certs(capsys, tmp_path, *flags)[0] == 0
    names = certificate(tmp_path / "server.pem").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost", "prices.example"]
    addresses = [str(address) for address in names.value.get_values_for_type(x509.IPAddress)]
    assert addresses == ["127.0.0.1", "::1", "10.0.0.5"]
    for name in ("shop", "jobs"):
        assert certificate(tmp_path / f"{name}.pem").subject.rfc4514_string() == f"CN={name}"
    assert not (tmp_path / "client.pem").exists()


@pytest.mark.parametrize("name", ["", "../shop", "ca", "server", "a b", "-x"])
def test_a_client_is_a_file_name(tmp_path: Path, capsys: Capture, name: str) -> None:
    code, printed = certs(capsys, tmp_path, f"--client={name}")
    assert code == 1
    assert f"--client is {name!r}: expected letters" in printed
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "file").write_text("")
    code, printed = certs(capsys, tmp_path / "file" / "certs")
    assert code == 1
    assert str(tmp_path / "file") in printed


def test_a_callers_certificate_is_none_of_a_server() -> None:
    pair = Authority("tests", days(-1, 1)).issue("shop")
    usage = x509.load_pem_x509_certificate(pair.certificate).extensions.get_extension_for_class(
        x509.ExtendedKeyUsage
    )
    assert list(usage.value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert "PRIVATE" not in repr(pair)


def test_without_its_extra_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['cryptography'] = None; from ridgeline_server.command import main; "
    code += f"sys.exit(main(['certs', 'dev', '--out', {str(tmp_path)!r}]))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "needs cryptography: install ridgeline with the extra `certs`" in done.stderr
    assert "Traceback" not in done.stderr
