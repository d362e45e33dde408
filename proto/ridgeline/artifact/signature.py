"""Who vouches for a version: an Ed25519 signature (RFC 8032) over the bytes of its manifest as stored.

`manifest.sig` is the signature itself, 64 bytes. The manifest has the digests of all other files, so the
signature speaks for every byte of the version. Needs the extra `signing`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ridgeline.artifact.files import MANIFEST_FILE, SIGNATURE_FILE, ArtifactError
from ridgeline.artifact.stored import read_file

_SIGNATURE_BYTES = 64
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----\r?\n?", re.DOTALL)
_RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


class KeyFileError(Exception):
    """A file does not hold the key it should. Never says what it holds: that may be a secret."""

    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file} {problem}")
        self.file = file
        self.problem = problem


def key_id(key: Ed25519PublicKey) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the raw public key: names it, and can be told."""
    return hashlib.sha256(key.public_bytes(*_RAW)).hexdigest()[:16]


def read_private_key(file: Path) -> Ed25519PrivateKey:
    """Read a private key: PKCS #8 in PEM, without a passphrase.

    Raises:
        KeyFileError: it cannot be read or is something else.
    """
    try:
        key = serialization.load_pem_private_key(_read(file), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        _refuse(
            file, "an Ed25519 private key in PEM without a passphrase (ridgeline-export keygen makes one)"
        )
    if not isinstance(key, Ed25519PrivateKey):
        _refuse(file, "an Ed25519 private key, but one of another kind")
    return key


class TrustedKeys:
    """The public keys of one PEM file. Any of them may have signed, so that keys can be rotated."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey], file: Path) -> None:
        self._keys = dict(keys)
        self._file = file

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read every public key of `file`.

        Raises:
            KeyFileError: it cannot be read, holds no key or anything but Ed25519 public keys.
        """
        content = _read(file)
        blocks = [(match[1], match[0]) for match in _PEM.finditer(content)]
        if any(b"PRIVATE" in label for label, _ in blocks):
            raise KeyFileError(file, "holds a private key: keep it secret, and give the public one")
        # One that is cut off would else be left out, and nobody told.
        if not blocks or len(blocks) != content.count(b"-----BEGIN"):
            _refuse(file, "Ed25519 public keys in PEM, one or more")
        keys = [_public_key(block, file) for _, block in blocks]
        return cls({key_id(key): key for key in keys}, file)

    def check(self, directory: Path, manifest: bytes) -> str:
        """Return the id of the key by which the version in `directory` is signed.

        Args:
            directory: where manifest.sig is.
            manifest: the bytes of manifest.json as stored.

        Raises:
            ArtifactError: there is no signature, or it is not one of this manifest by one of the keys.
        """
        if not (directory / SIGNATURE_FILE).exists():
            raise ArtifactError(
                str(directory),
                [f"{SIGNATURE_FILE} is not there: the version is not signed (ridgeline-export sign)"],
            )
        signature = read_file(directory, SIGNATURE_FILE)
        for name, key in self._keys.items():
            try:
                key.verify(signature, manifest)
            except InvalidSignature:
                continue
            return name
        raise ArtifactError(str(directory), [self._mismatch(len(signature))])

    def _mismatch(self, length: int) -> str:
        if length != _SIGNATURE_BYTES:
            expected = f"a signature has {_SIGNATURE_BYTES}: sign the version again"
            return f"{SIGNATURE_FILE} has {length} bytes, {expected}"
        keys = ", ".join(self._keys)
        return (
            f"{SIGNATURE_FILE} does not sign {MANIFEST_FILE} as it is: one of the two was changed, "
            f"or it was signed by another key than those of {self._file} ({keys})"
        )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise KeyFileError(file, f"cannot be read: {error.strerror}") from error


def _public_key(block: bytes, file: Path) -> Ed25519PublicKey:
    try:
        key = serialization.load_pem_public_key(block)
    except (ValueError, UnsupportedAlgorithm):
        _refuse(file, "Ed25519 public keys in PEM, one or more")
    if not isinstance(key, Ed25519PublicKey):
        _refuse(file, "Ed25519 public keys, but one of another kind")
    return key


def _refuse(file: Path, expected: str) -> NoReturn:
    # Without the parser's own words: they could quote the file.
    raise KeyFileError(file, f"must hold {expected}") from None
