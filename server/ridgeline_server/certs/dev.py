"""The files of `ridgeline-server certs dev`: an authority, a server's certificate and callers'."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ridgeline_server.certs.authority import Authority, Validity

LOOPBACK = ("localhost", "127.0.0.1", "::1")
DAYS = 30
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_TAKEN = ("ca", "server")


class CertsError(Exception):
    """Certificates cannot be made; the text says why and what to do."""


def write(folder: Path, hosts: Sequence[str], clients: Sequence[str], *, force: bool) -> list[Path]:
    """Make an authority, a certificate of a server and one of each client; returns the files written.

    Args:
        folder: made when it is not there.
        hosts: by which the server is reached beside LOOPBACK.
        clients: names of callers.
        force: replace files that are there.

    Raises:
        CertsError: a name or a host is none, a file is there already, or cannot be written.
    """
    if wrong := [name for name in clients if not _NAME.fullmatch(name) or name in _TAKEN]:
        raise CertsError(
            f"--client is {wrong[0]!r}: expected letters, digits, dots, dashes, and not ca or server"
        )
    authority = Authority("Ridgeline development CA", Validity.of_days(DAYS))
    try:
        pairs = {"server": authority.issue("server", dict.fromkeys((*LOOPBACK, *hosts)))}
    except ValueError as error:
        raise CertsError(f"--host is none: {error}; expected names or IP addresses") from error
    pairs |= {name: authority.issue(name) for name in clients}
    files = {"ca.pem": authority.certificate}
    for name, pair in pairs.items():
        files |= {f"{name}.pem": pair.certificate, f"{name}-key.pem": pair.key}
    return _write(folder, files, force=force)


def _write(folder: Path, files: Mapping[str, bytes], *, force: bool) -> list[Path]:
    there = [str(folder / name) for name in files if os.path.lexists(folder / name)]
    if there and not force:
        raise CertsError(
            f"{', '.join(there)}: there already; --force replaces them, --out takes another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            _write_file(folder / name, content, 0o600 if name.endswith("-key.pem") else 0o644)
    except OSError as error:
        raise CertsError(f"{error.filename} cannot be written: {error.strerror}") from error
    return [folder / name for name in files]


def _write_file(path: Path, content: bytes, mode: int) -> None:
    """Under another name first: a server that follows its files never sees half of one."""
    begun = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123  # a mode
        file.write(content)
    begun.replace(path)
