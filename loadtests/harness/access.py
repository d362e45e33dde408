"""How a load generator gets to a server: the options of TLS, as the `ridgeline` command has them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc

from harness.channels import channel_options
from ridgeline_client import Tls
from ridgeline_client.addresses import address_list
from ridgeline_client.channel import open_channel
from ridgeline_client.token import Metadata, call_metadata

TLS_OPTIONS = {
    "tls_ca": "PEM file of the authorities to trust: speak TLS; empty: plaintext",
    "tls_certificate": "PEM file of the certificate to show, for a server that asks for one",
    "tls_key": "PEM file of its private key",
    "tls_server_name": "the name in the server's certificate; empty: the host",
}


def add_tls(parser: argparse.ArgumentParser) -> None:
    """Offer the options of TLS."""
    for name, text in TLS_OPTIONS.items():
        parser.add_argument("--" + name.replace("_", "-"), default="", help=text)


def tls_of(told: Mapping[str, Any]) -> Tls | None:
    """The TLS that parsed arguments ask for; None for plaintext. Raises ValueError."""
    parts = {name.removeprefix("tls_"): told[name] for name in TLS_OPTIONS}
    if not any(parts.values()):
        return None
    server_name = parts.pop("server_name")
    return Tls(**{name: path or None for name, path in parts.items()}, server_name=server_name)


@dataclass(frozen=True, slots=True)
class Way:
    """How to get to a server: over TLS or in plain, with a bearer token or without."""

    tls: Tls | None = None
    token: str | None = field(default=None, repr=False)

    def channel(self, address: str, max_answer_bytes: int) -> grpc.Channel:
        """Open a connection of its own."""
        return open_channel(address_list(address), channel_options(max_answer_bytes), self.tls)

    def metadata(self) -> Metadata:
        """What each call carries."""
        return call_metadata(self.token)


PLAIN = Way()
