"""Signs versions and makes the keys for it. Needs the extra `signing`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ridgeline.artifact import (
    MANIFEST_FILE,
    SIGNATURE_FILE,
    ArtifactError,
    Manifest,
    parse,
    read_checked,
    read_file,
)
from ridgeline.artifact.signature import KeyFileError, TrustedKeys, key_id, read_private_key
from ridgeline_export.problems import InputError
from ridgeline_export.release import FILE_MODE

_PRIVATE_MODE = 0o600


def make_keys(file: Path) -> tuple[Path, str]:
    """Write a new private key to `file` and its public key beside it; returns the latter's path and its id.

    Raises:
        InputError: one of the files is there already; nothing is overwritten.
        OSError: they cannot be written.
    """
    public_file = file.with_suffix(".pub.pem")
    for place in (file, public_file):
        if place.exists():
            raise InputError(str(place), ["is there already: a key is never overwritten, name another file"])
    key = Ed25519PrivateKey.generate()
    public = key.public_key()
    _write_new(
        file,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        _PRIVATE_MODE,
    )
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    _write_new(public_file, public.public_bytes(serialization.Encoding.PEM, spki), FILE_MODE)
    return public_file, key_id(public)


def sign(version: Path, key_file: Path) -> str:
    """Check every file of a version and write its manifest.sig, in place of an older one; returns the key id.

    Raises:
        ArtifactError: the version is not as its manifest says; it is not signed.
        InputError: `key_file` holds no private key.
        OSError: the signature cannot be written; an older one stays.
    """
    try:
        key = read_private_key(key_file)
    except KeyFileError as error:
        raise InputError(str(error.file), [error.problem]) from None
    manifest = read_file(version, MANIFEST_FILE)
    _check_files(version, manifest)
    _replace(version / SIGNATURE_FILE, key.sign(manifest))
    return key_id(key.public_key())


def verify(version: Path, keys_file: Path) -> tuple[str, int]:
    """Check a version as a server does that requires signatures; returns the key's id and how many files it
    speaks for.

    Raises:
        ArtifactError: no key of the file signed it, or files were changed since.
        InputError: `keys_file` holds no public keys.
    """
    try:
        trusted = TrustedKeys.read(keys_file)
    except KeyFileError as error:
        raise InputError(str(error.file), [error.problem]) from None
    manifest = read_file(version, MANIFEST_FILE)
    key = trusted.check(version, manifest)
    return key, 1 + _check_files(version, manifest)


def _check_files(version: Path, content: bytes) -> int:
    manifest = parse(Manifest, content, f"{version}/{MANIFEST_FILE}")
    place = version.absolute()
    if (place.parent.name, place.name) != (manifest.name, str(manifest.version)):
        stands = f"the directory is {place.parent.name}/{place.name}"
        raise ArtifactError(
            str(version), [f"the manifest is of {manifest.name}/{manifest.version}, {stands}"]
        )
    return len(read_checked(version, manifest))


def _write_new(path: Path, content: bytes, mode: int) -> None:
    # With its mode from the start: there is no moment at which others may read a key.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _replace(path: Path, content: bytes) -> None:
    descriptor, draft = tempfile.mkstemp(prefix=".draft-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).chmod(FILE_MODE)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
