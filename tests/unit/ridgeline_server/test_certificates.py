"""The proof that a server can serve with what is in its files."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ridgeline.pem import PemError
from ridgeline_server.transport import certificates
from ridgeline_server.transport.certificates import CertificateFiles
from support.identities import Identities, days
from support.servers import serving
from support.wire import TIMEOUT


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


@pytest.mark.parametrize(
    ("key", "usable"),
    [
        (rsa.generate_private_key(65537, 2048), True),
        (ec.generate_private_key(ec.SECP384R1()), True),
        (ec.generate_private_key(ec.SECP521R1()), False),
        (ed25519.Ed25519PrivateKey.generate(), False),
    ],
    ids=["rsa", "p384", "p521", "ed25519"],
)
def test_a_key_must_be_of_a_kind_that_grpc_can_use(
    identities: Identities, monkeypatch: pytest.MonkeyPatch, toy_models: Path, key: object, usable: bool
) -> None:
    """The second half shows that gRPC cannot: when it can, the rule may go."""
    monkeypatch.setattr(ec, "generate_private_key", lambda _: key)
    identities.write("server", identities.server())
    if usable:
        files(identities).prove()
    else:
        with pytest.raises(PemError, match="gRPC cannot use its kind of key; give RSA, or ECDSA on P-256"):
            files(identities).prove()
        monkeypatch.setattr(certificates, "_KEYS_OF_GRPC", (b"",))
    with serving(toy_models, **identities.settings()) as app:
        with grpc.secure_channel(app.address, identities.tls().credentials()) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check.future(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
            assert (answer.exception() is None) is usable


def test_files_that_change_meanwhile_are_not_proved(
    identities: Identities, monkeypatch: pytest.MonkeyPatch
) -> None:
    shaken = certificates._shaken

    def written(*sides: ssl.SSLContext) -> object:
        identities.write("server", identities.server())
        return shaken(*sides)

    monkeypatch.setattr(certificates, "_shaken", written)
    with pytest.raises(PemError, match="are being written"):
        files(identities).prove()
