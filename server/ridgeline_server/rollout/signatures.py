"""The check of signatures that the settings ask for."""

from __future__ import annotations

import logging
from pathlib import Path

from ridgeline_server.config import NO_KEYS, ConfigError
from ridgeline_server.engine.artifact import SignatureCheck

_log = logging.getLogger("ridgeline")


def signature_check(keys: str) -> SignatureCheck | None:
    """Return what a version must pass; None when nothing is asked for.

    Args:
        keys: the setting `require_signature`.

    Raises:
        ConfigError: the file does not hold public keys, or the library is not there.
    """
    if keys == NO_KEYS:
        return None
    try:
        from ridgeline.artifact import signature  # noqa: PLC0415  # it needs an extra
    except ModuleNotFoundError as error:
        text = "--require-signature is set, and cryptography is not there: install ridgeline with the extra"
        raise ConfigError([f"{text} `signing`"]) from error
    try:
        trusted = signature.TrustedKeys.read(Path(keys))
    except signature.KeyFileError as error:
        raise ConfigError([f"--require-signature: {error}"]) from error

    def check(directory: Path, manifest: bytes) -> None:
        key = trusted.check(directory, manifest)
        _log.info("%s/%s is signed by key %s", directory.parent.name, directory.name, key)

    return check
