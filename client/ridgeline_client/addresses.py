"""Addresses of servers, in people's words and in gRPC's.

One DNS name becomes `dns:///name:port`, looked up again whenever a connection fails, and every address it has
is used in turn: with Kubernetes, give a headless service. Several addresses become one list, used in turn.
Host names in a list of several are looked up once, when the client is made; where their addresses change,
give one DNS name instead. A target with a scheme of its own (`dns:///...`, `unix:...`) is passed on as it is.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence

from ridgeline_client.errors import Unavailable

_OWN_SCHEMES = ("dns:", "ipv4:", "ipv6:", "unix:", "unix-abstract:", "xds:")


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
        return _checked_target(addresses[0])
    pairs = [_host_and_port(address) for address in addresses]
    if len(pairs) == 1 and _ip_version(pairs[0][0]) is None:
        return f"dns:///{pairs[0][0]}:{pairs[0][1]}"
    endpoints = [endpoint for host, port in pairs for endpoint in _endpoints(host, port)]
    versions = {version for version, _ in endpoints}
    if len(versions) > 1:
        raise ValueError(f"gRPC takes IPv4 or IPv6 addresses in one list, not both: {', '.join(addresses)}")
    return f"ipv{versions.pop()}:" + ",".join(dict.fromkeys(endpoint for _, endpoint in endpoints))


def is_local(addresses: Sequence[str]) -> bool:
    """True when all addresses are on this machine: loopback, the name localhost, Unix sockets."""
    return all(_is_local(address) for address in addresses)


def _is_local(address: str) -> bool:
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    endpoints = address
    if _has_scheme(address):
        scheme, _, rest = address.partition(":")
        # Behind // a server is named that is asked what the address means: it may say anything.
        if scheme == "xds" or re.match("//[^/]", rest):
            return False
        endpoints = rest.removeprefix("///")
    return all(_is_loopback(endpoint) for endpoint in endpoints.split(","))


def _is_loopback(endpoint: str) -> bool:
    bracketed = re.fullmatch(r"\[(.*)\](:\d+)?", endpoint)
    host = bracketed[1] if bracketed else re.sub(r":\d+$", "", endpoint)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def hosts(addresses: Sequence[str]) -> set[str]:
    """Return the hosts of several addresses. Raises ValueError, see `grpc_target`."""
    return {_host_and_port(address)[0] for address in addresses}


def _has_scheme(target: str) -> bool:
    return target.startswith(_OWN_SCHEMES)


def _checked_target(target: str) -> str:
    scheme, _, rest = target.partition(":")
    if not rest.strip("/ "):
        raise ValueError(f"{target!r} names no server; expected an address behind {scheme}:")
    return target


def _host_and_port(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if (
        not colon
        or not host
        or not (port.isascii() and port.isdecimal())
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
