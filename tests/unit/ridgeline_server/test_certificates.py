"""The proof that a server can serve with what is in its files."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from ridgeline.pem import PemError
from ridgeline_server.transport import certificates
from ridgeline_server.transport.certificates import CertificateFiles
from support.identities import Identities, days


@pytest.fixture
def identities(tmp_path: Path) -> Identities:
    return Identities.of(tmp_path)


def files(identities: Identities) -> CertificateFiles:
    folder = identities.folder
    return CertificateFiles(folder / "server.pem", folder / "server-key.pem", folder / "ca.pem")


def test_good_files_are_proved_and_their_end_is_known(identities: Identities) -> None:
    validity = days(-1, 7)
    certificate, key = identities.write("server", identities.server(validity))
    contents, valid_until = files(identities).prove()
    assert (contents.certificate, contents.key) == (certificate.read_bytes(), key.read_bytes())
    assert contents.client_ca == identities.authority.certificate
    assert valid_until == int(validity.end.timestamp())
    assert "PRIVATE" not in repr(contents)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(identities: Identities) -> None:
    path = identities.folder / "server-key.pem"
    key = load_pem_private_key(path.read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    path.write_bytes(locked)
    with pytest.raises(PemError, match="server-key.pem is encrypted: give a key without a password"):
        files(identities).prove()


def test_files_that_change_meanwhile_are_not_proved(
    identities: Identities, monkeypatch: pytest.MonkeyPatch
) -> None:
    shaken = certificates._shaken

    def written(*sides: object) -> object:
        identities.write("server", identities.server())
        return shaken(*sides)  # type: ignore[arg-type]

    monkeypatch.setattr(certificates, "_shaken", written)
    with pytest.raises(PemError, match="are being written"):
        files(identities).prove()
