"""How the client reaches servers: addresses, retry policy, channel options.

Addresses: one DNS name becomes `dns:///name:port`, looked up again whenever a connection fails, and every
address it has is used in turn (round_robin): with Kubernetes, give a headless service. Several addresses
become one list, used in turn. Host names in a list of several are looked up once, when the client is made;
where their addresses change, give one DNS name instead. A target with a scheme of its own (`dns:///...`,
`unix:...`) is passed on as it is.

Channel options that are set:

| option | value | why |
|---|---|---|
| grpc.service_config | retry policy below, round_robin | declared once, done by gRPC itself |
| grpc.per_rpc_retry_buffer_size | message limit + 64 KiB | gRPC retries nothing above 256 KiB otherwise |
| grpc.max_send_message_length, grpc.max_receive_... | message limit | gRPC receives 4 MiB otherwise |
| grpc.keepalive_time_ms, _timeout_ms | 60 s, 20 s | finds dead connections; servers cut faster pingers off |
| grpc.keepalive_permit_without_calls | 0 | an idle client stays silent |
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from ridgeline.v1 import pricing_service_pb2
from ridgeline_client.errors import Unavailable

SERVICE = pricing_service_pb2.DESCRIPTOR.services_by_name["PricingService"].full_name
RETRIED_METHODS = ("Predict", "PredictBatch", "DescribeModel")
"""Pure calls. PredictStream is never retried: its caller resumes it."""

_KEEPALIVE_SECONDS = 60
_KEEPALIVE_TIMEOUT_SECONDS = 20
_HEADER_ALLOWANCE = 64 * 1024
_OWN_SCHEMES = ("dns:", "ipv4:", "ipv6:", "unix:", "unix-abstract:", "xds:")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how fast a failed call is tried again, within the call's deadline.

    Calls that end UNAVAILABLE or RESOURCE_EXHAUSTED are tried again after a random wait around
    `initial_backoff * multiplier**k`, or after what the server asks for (`grpc-retry-pushback-ms`). When more
    than about one call in ten fails, retries stop until calls succeed again: they never multiply an overload.
    """

    max_attempts: int = 4
    """1 (no retries) to 5 (gRPC's own limit)."""
    initial_backoff: float = 0.1
    """Seconds."""
    max_backoff: float = 1.0
    """Seconds."""
    multiplier: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.max_attempts <= 5:
            raise ValueError(f"max_attempts must be 1 to 5 (gRPC's own limit), got {self.max_attempts}")
        if not 0 < self.initial_backoff <= self.max_backoff:
            raise ValueError(
                "backoffs must be above 0 s and initial_backoff at most max_backoff, got "
                f"{self.initial_backoff} and {self.max_backoff}"
            )
        if self.multiplier <= 0:
            raise ValueError(f"multiplier must be above 0, got {self.multiplier}")


DEFAULT_RETRY = RetryPolicy()


def method(name: str) -> str:
    """Return the full name of one of the service's methods."""
    return f"/{SERVICE}/{name}"


def service_config(retry: RetryPolicy) -> str:
    """Return gRPC's service config as JSON text: balancing, retry policy, retry throttling."""
    config: dict[str, object] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if retry.max_attempts > 1:
        config["methodConfig"] = [
            {
                "name": [{"service": SERVICE, "method": method} for method in RETRIED_METHODS],
                "retryPolicy": {
                    "maxAttempts": retry.max_attempts,
                    "initialBackoff": f"{retry.initial_backoff:.3f}s",
                    "maxBackoff": f"{retry.max_backoff:.3f}s",
                    "backoffMultiplier": retry.multiplier,
                    "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
                },
            }
        ]
        config["retryThrottling"] = {"maxTokens": 100, "tokenRatio": 0.1}
    return json.dumps(config)


def channel_options(retry: RetryPolicy, max_message_bytes: int) -> list[tuple[str, str | int]]:
    """Return the channel options; the table at the top of this module says why each is there."""
    return [
        ("grpc.service_config", service_config(retry)),
        ("grpc.per_rpc_retry_buffer_size", max_message_bytes + _HEADER_ALLOWANCE),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.keepalive_time_ms", _KEEPALIVE_SECONDS * 1000),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_SECONDS * 1000),
        ("grpc.keepalive_permit_without_calls", 0),
    ]


def open_channel(
    addresses: Sequence[str],
    options: Sequence[tuple[str, str | int]],
    credentials: grpc.ChannelCredentials | None,
) -> grpc.Channel:
    """Open a channel, plaintext without credentials. Raises ValueError and Unavailable as `grpc_target`."""
    target = grpc_target(addresses)
    if credentials is None:
        return grpc.insecure_channel(target, options=list(options))
    return grpc.secure_channel(target, credentials, options=list(options))


def address_list(target: str | Sequence[str]) -> tuple[str, ...]:
    """Return the addresses of a target: one, a comma-separated list, or a sequence. Raises ValueError."""
    parts = target.split(",") if isinstance(target, str) and not _has_scheme(target) else target
    addresses = (parts,) if isinstance(parts, str) else tuple(part.strip() for part in parts)
    if not addresses:
        raise ValueError("no address given; expected HOST:PORT, such as localhost:50051")
    return addresses


def grpc_target(addresses: Sequence[str]) -> str:
    """Return the target in gRPC's naming for one or several addresses.

    Raises:
        ValueError: an address is not HOST:PORT, or the list mixes IPv4 and IPv6.
        Unavailable: a host name in a list of several cannot be looked up.
    """
    if len(addresses) == 1 and _has_scheme(addresses[0]):
        return addresses[0]
    pairs = [_host_and_port(address) for address in addresses]
    if len(pairs) == 1 and _ip_version(pairs[0][0]) is None:
        return f"dns:///{pairs[0][0]}:{pairs[0][1]}"
    endpoints = [endpoint for host, port in pairs for endpoint in _endpoints(host, port)]
    versions = {version for version, _ in endpoints}
    if len(versions) > 1:
        raise ValueError(f"gRPC takes IPv4 or IPv6 addresses in one list, not both: {', '.join(addresses)}")
    return f"ipv{versions.pop()}:" + ",".join(dict.fromkeys(endpoint for _, endpoint in endpoints))


def _has_scheme(target: str) -> bool:
    return target.startswith(_OWN_SCHEMES)


def _host_and_port(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if (
        not colon
        or not host
        or not port.isdigit()
        or not 0 < int(port) < 65536
        or (":" in host and not bracketed)
    ):
        raise ValueError(
            f"{address!r} is no address; expected HOST:PORT, such as localhost:50051 or [::1]:50051"
        )
    return host.strip("[]"), int(port)


def _ip_version(host: str) -> int | None:
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return None


def _endpoints(host: str, port: int) -> list[tuple[int, str]]:
    """(IP version, endpoint) of each address of a host; IPv4 only where it has any."""
    hosts = [host] if _ip_version(host) else _looked_up(host)
    found = [(4, f"{ip}:{port}") if _ip_version(ip) == 4 else (6, f"[{ip}]:{port}") for ip in hosts]
    return [pair for pair in found if pair[0] == 4] or found


def _looked_up(host: str) -> list[str]:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable(f"cannot look up host {host!r}: {error.strerror or error}") from error
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))
