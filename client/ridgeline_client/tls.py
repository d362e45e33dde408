"""What a client needs to speak TLS."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from ridgeline import pem
from ridgeline_client.addresses import hosts


@dataclass(frozen=True, slots=True)
class Tls:
    """Speak TLS with the server, and only with one that proves to be the one that was asked for.

    Files are in PEM, and read when a client is made: make a new client after they have changed.
    """

    ca: str | Path | None = None
    """The authorities one of which the server's certificate must come from; None: the public ones of gRPC."""
    certificate: str | Path | None = None
    """The caller's own certificate, its chain behind it, for a server that asks who calls (mutual TLS)."""
    key: str | Path | None = None
    """The certificate's private key."""
    server_name: str = ""
    """The name that must be in the server's certificate; "" for the host of the address."""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            given, lacking = ("key", "certificate") if self.certificate is None else ("certificate", "key")
            raise ValueError(f"tls: a {given} is given and no {lacking}: both are needed to say who calls")

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files. Raises ValueError when one cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        roots = certificate = key = None
        try:
            if self.ca is not None:
                pem.load_authorities(context, Path(self.ca))
                roots = pem.read(Path(self.ca))
            if self.certificate is not None and self.key is not None:
                pem.load_pair(context, Path(self.certificate), Path(self.key))
                certificate, key = pem.read(Path(self.certificate)), pem.read(Path(self.key))
        except pem.PemError as error:
            raise ValueError(f"tls: {error}") from error
        return grpc.ssl_channel_credentials(roots, key, certificate)

    def options(self, addresses: Sequence[str]) -> list[tuple[str, str | int]]:
        """Channel options beside the credentials, for a channel to these addresses.

        Raises:
            ValueError: they have several hosts, and which name their certificates share is not said.
        """
        names = {self.server_name} if self.server_name else hosts(addresses) if len(addresses) > 1 else set()
        if len(names) > 1:
            raise ValueError(
                f"tls: {', '.join(addresses)} have several hosts, and gRPC looks for one name in all their "
                "certificates: give it as server_name"
            )
        return [("grpc.ssl_target_name_override", name) for name in names]
