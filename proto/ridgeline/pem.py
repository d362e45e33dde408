"""Certificates and keys in PEM files, checked by OpenSSL before gRPC gets them: gRPC says no more than that a
handshake failed."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NoReturn


class PemError(Exception):
    """A file cannot be used; the text names it, says what is wrong and what to do."""


def read(path: Path) -> bytes:
    """Return what is in a file. Raises PemError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PemError(f"{path} cannot be read: {error.strerror}") from error


def load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Let `context` show a certificate, with its chain behind it.

    Raises:
        PemError: a file cannot be read or is no PEM, the key is encrypted or of another certificate.
    """

    def refuse_password() -> NoReturn:
        raise PemError(f"{key} is encrypted: give a key without a password, in a file of mode 0600")

    read(certificate)
    read(key)
    try:
        context.load_cert_chain(certificate, key, refuse_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise PemError(f"{key} is not the key of {certificate}: give two that belong together") from error
        raise PemError(
            f"{certificate} or {key} is not what it should be ({reason(error)}): expected PEM files, the "
            "certificate with its chain behind it, and its private key"
        ) from error


def load_authorities(context: ssl.SSLContext, path: Path) -> None:
    """Let `context` trust the authorities in a file. Raises PemError when it has none."""
    read(path)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise PemError(
            f"{path} holds no certificate ({reason(error)}): expected those of authorities, in PEM"
        ) from error
    if not context.get_ca_certs():
        raise PemError(f"{path} holds no certificate of an authority, but of others: give that of the CA")


def reason(error: ssl.SSLError) -> str:
    """What OpenSSL says is wrong, in its words."""
    return (error.reason or str(error)).replace("_", " ").lower()
