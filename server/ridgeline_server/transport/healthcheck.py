"""Asks a server for its health, as an orchestrator does every few seconds: no model runtime is imported."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ridgeline import pem
from ridgeline_server.config import Settings
from ridgeline_server.transport.certificates import trusting

TIMEOUT_S = 3.0

_STATUS = health_pb2.HealthCheckResponse
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  # what a server listens on, told apart
_TLS_WORDS = ("handshake failed", "verification check")
_NOBODY = "no server answers on {}: give its --address, and its --tls flags if it has any"


class Unhealthy(Exception):
    """The server does not serve; the text says what it answered, or that it did not."""


def require_serving(settings: Settings, authorities: Path | None = None, name: str = "") -> str:
    """Ask grpc.health.v1 of the server that was told to listen on `settings.address`, by TLS when it has a
    certificate; returns the address asked. A host that stands for every interface is asked by loopback.

    Whether callers trust the certificate is for them to say: the check takes the one it is shown, as long as
    it is valid, unless it is given `authorities`. Where callers must show one, it shows the server's own.

    Args:
        settings: of the server.
        authorities: PEM file; the certificate must come from one of them, and be for `name`.
        name: the server's; "" for the host asked.

    Raises:
        Unhealthy: any answer but SERVING, or none within TIMEOUT_S seconds.
    """
    host, _, port = settings.address.rpartition(":")
    if int(port) == 0:
        raise Unhealthy(
            f"{settings.address} stands for a free port, nobody knows which: give the one in the server's log"
        )
    target = f"{_ANY_ADDRESS.get(host, host)}:{port}"
    with _channel(target, settings, authorities, name) as channel:
        status = _status(channel, target)
    if status != _STATUS.SERVING:
        raise Unhealthy(f"{target} is {_STATUS.ServingStatus.Name(status)}: it loads its models, or drains")
    return target


def _channel(target: str, settings: Settings, authorities: Path | None, name: str) -> grpc.Channel:
    # A proxy of the environment is for calls that leave the host.
    options: list[tuple[str, Any]] = [("grpc.enable_http_proxy", 0)]
    if not settings.tls_certificate:
        return grpc.insecure_channel(target, options=options)
    try:
        roots, name = _shown(target) if authorities is None else (pem.read(authorities), name)
        pair = [Path(settings.tls_key), Path(settings.tls_certificate)] if settings.tls_client_ca else []
        credentials = grpc.ssl_channel_credentials(roots, *map(pem.read, pair))
    except pem.PemError as error:
        raise Unhealthy(str(error)) from error
    if name:
        options.append(("grpc.ssl_target_name_override", name))
    return grpc.secure_channel(target, credentials, options=options)


def _shown(target: str) -> tuple[bytes, str]:
    """The certificate that the server shows, in PEM, and one of its names. It is asked twice: of a
    certificate that is not trusted Python does not tell the names."""
    host, _, port = target.rpartition(":")
    address = (host.strip("[]"), int(port))
    try:
        certificate = ssl.get_server_certificate(address, timeout=TIMEOUT_S).encode()
        with (
            socket.create_connection(address, TIMEOUT_S) as plain,
            trusting(certificate).wrap_socket(plain) as trusted,
        ):
            return certificate, _name(trusted.getpeercert() or {})
    except ssl.SSLCertVerificationError as error:
        raise Unhealthy(f"the certificate of {target} is no good: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise Unhealthy(f"{target} does not speak TLS: {pem.reason(error)}") from error
    except TimeoutError as error:
        raise Unhealthy(f"{target} gave no answer in {TIMEOUT_S:g} s") from error
    except OSError as error:
        raise Unhealthy(_NOBODY.format(target)) from error


def _name(facts: dict[str, Any]) -> str:
    common = [value for part in facts.get("subject", ()) for kind, value in part if kind == "commonName"]
    names: list[str] = [value for _, value in facts.get("subjectAltName", ())] or common
    return names[0].replace("*", "any") if names else ""


def _status(channel: grpc.Channel, target: str) -> Any:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    try:
        return stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S).status
    except grpc.RpcError as error:
        code, details = error.code(), error.details() or ""
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            raise Unhealthy(f"{target} gave no answer in {TIMEOUT_S:g} s") from error
        if code is grpc.StatusCode.UNAVAILABLE and any(word in details for word in _TLS_WORDS):
            raise Unhealthy(f"{target} and this check do not agree on TLS: {details}") from error
        if code is grpc.StatusCode.UNAVAILABLE:
            raise Unhealthy(_NOBODY.format(target)) from error
        raise Unhealthy(f"{target} answered {code.name}: is it a Ridgeline server?") from error
