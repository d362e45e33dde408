"""TLS at the port: the certificate that is served with, what takes its place, and who has called."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import grpc

from ridgeline.pem import PemError
from ridgeline_server.config import ConfigError, Settings
from ridgeline_server.transport.certificates import CertificateFiles, Contents

_log = logging.getLogger("ridgeline")

LOOK_S = 1.0
"""Seconds between two looks at the files."""

_COMMON_NAME = "x509_common_name"


class TlsObserver(Protocol):
    """Wants to know of certificates."""

    def serving(self, valid_until: float) -> None:
        """From now on this certificate is served with, valid until so many seconds since 1970."""

    def changed(self, *, taken: bool) -> None:
        """The files have changed, and the new certificate was taken or refused."""


class NoTlsObserver:
    """Wants to know nothing."""

    def serving(self, valid_until: float) -> None:
        """See `TlsObserver`."""

    def changed(self, *, taken: bool) -> None:
        """See `TlsObserver`."""


class ServerTls:
    """What a server shows of itself, and whom it asks for the same. Follows its files while it serves.

    gRPC asks for news with each connection, on the thread that takes connections: the files are looked at by
    another one, and all that is done there is to hand over what that one has found.

    Attributes:
        credentials: to bind one port with.
    """

    def __init__(self, files: CertificateFiles, observer: TlsObserver) -> None:
        """Read and prove the files.

        Raises:
            ConfigError: they cannot be served with.
        """
        self._files = files
        self._observer = observer
        self._closed = threading.Event()
        try:
            self._serving, valid_until = files.prove()
        except PemError as error:
            raise ConfigError([str(error)]) from error
        self._problem: tuple[Contents | None, str] | None = None
        self._found: list[grpc.ServerCertificateConfiguration] = []
        self.credentials = grpc.dynamic_ssl_server_credentials(
            _configuration(self._serving),
            self._take,  # type: ignore[arg-type]  # None is what gRPC's own text asks for
            files.client_ca is not None,
        )
        observer.serving(valid_until)
        _log.info("%s is valid until %s", files.certificate, _day(valid_until))

    def watch(self) -> None:
        """Look at the files from now on, until `close`."""
        threading.Thread(target=self._watch, name="certificates", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def look(self) -> None:
        """Look at the files now: what has changed is proved, and taken or refused. What is refused is tried
        again each time, for it may only be early, or half written. For one thread."""
        now: Contents | None = None
        try:
            now = self._files.read()
            if now == self._serving:
                self._problem = None
                return
            self._serving, valid_until = self._files.prove()
        except PemError as error:
            self._refuse((now, str(error)))
            return
        self._problem = None
        self._found[:] = [_configuration(self._serving)]
        self._observer.changed(taken=True)
        self._observer.serving(valid_until)
        _log.info("%s has changed and is taken, valid until %s", self._files.certificate, _day(valid_until))

    def _refuse(self, problem: tuple[Contents | None, str]) -> None:
        if problem != self._problem:
            self._problem = problem
            self._observer.changed(taken=False)
            _log.error("changed certificates are refused, those before stay: %s", problem[1])

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_S):
            self.look()

    def _take(self) -> grpc.ServerCertificateConfiguration | None:
        try:
            return self._found.pop()
        except IndexError:
            return None


def server_tls(settings: Settings, observer: TlsObserver) -> ServerTls | None:
    """Return the TLS that the settings ask for. Raises ConfigError when it cannot be."""
    if not settings.tls_certificate:
        return None
    client_ca = Path(settings.tls_client_ca) if settings.tls_client_ca else None
    files = CertificateFiles(Path(settings.tls_certificate), Path(settings.tls_key), client_ca)
    return ServerTls(files, observer)


def peer_subject(auth_context: Mapping[str, Any]) -> str | None:
    """Return the common name in the certificate that a caller has shown; None without mutual TLS, or when its
    subject has not exactly one. Alternative names never stand in for it: they may be addresses or mail boxes,
    which an authority proves in other ways.

    Args:
        auth_context: `ServicerContext.auth_context()`, lists of bytes whatever its type hint says. gRPC has
            verified the certificate before.
    """
    found = tuple(auth_context.get(_COMMON_NAME, ()))
    return found[0].decode(errors="backslashreplace") if len(found) == 1 else None


def _configuration(contents: Contents) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(contents.key, contents.certificate)], contents.client_ca
    )


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(sep=" ", timespec="minutes")
