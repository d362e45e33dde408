"""How the client reaches servers: retry policy, balancing, channel options.

Channel options that are set:

| option | value | why |
|---|---|---|
| grpc.service_config | retry policy below, round_robin | declared once, done by gRPC itself |
| grpc.per_rpc_retry_buffer_size | message limit + 64 KiB | gRPC retries nothing above 256 KiB otherwise |
| grpc.max_send_message_length, grpc.max_receive_... | message limit | gRPC receives 4 MiB otherwise |
| grpc.keepalive_time_ms, _timeout_ms | 60 s, 20 s | finds dead connections; servers cut faster pingers off |
| grpc.keepalive_permit_without_calls | 0 | an idle client stays silent |
| grpc.use_local_subchannel_pool | 1 | connections of its own: several clients reach several servers |
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from ridgeline.v1 import pricing_service_pb2
from ridgeline_client.addresses import grpc_target
from ridgeline_client.tls import Tls

SERVICE = pricing_service_pb2.DESCRIPTOR.services_by_name["PricingService"].full_name
RETRIED_METHODS = ("Predict", "PredictBatch", "DescribeModel")
"""Pure calls. PredictStream is never retried: its caller resumes it."""

MIN_BACKOFF = 0.01
"""Seconds. A wait that rounds down to 0 ms makes gRPC hold the call until its deadline (grpc/grpc#41036)."""

MAX_BACKOFF = 24 * 3600.0
"""Seconds: a day, as for a call's timeout."""
MAX_MULTIPLIER = 1_000.0

_KEEPALIVE_SECONDS = 60
_KEEPALIVE_TIMEOUT_SECONDS = 20
_HEADER_ALLOWANCE = 64 * 1024


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how fast a failed call is tried again, within the call's deadline.

    Calls that end UNAVAILABLE, RESOURCE_EXHAUSTED or CANCELLED (by the server, which waited in vain for the
    rest of the request) are tried again after a random wait around `initial_backoff * multiplier**k`, or
    after what the server asks for (`grpc-retry-pushback-ms`). When more than about one call in ten fails,
    retries stop until calls succeed again: they never multiply an overload.
    """

    max_attempts: int = 4
    """1 (no retries) to 5 (gRPC's own limit)."""
    initial_backoff: float = 0.1
    """Seconds, at least 0.01."""
    max_backoff: float = 1.0
    """Seconds, at most a day."""
    multiplier: float = 2.0

    def __post_init__(self) -> None:
        if not (_is_whole(self.max_attempts) and 1 <= self.max_attempts <= 5):
            raise ValueError(
                f"max_attempts must be a whole number, 1 to 5 (gRPC's own limit), got {self.max_attempts}"
            )
        if not MIN_BACKOFF <= self.initial_backoff <= self.max_backoff <= MAX_BACKOFF:
            raise ValueError(
                f"initial_backoff must be at least {MIN_BACKOFF:g} s and at most max_backoff, max_backoff at "
                f"most {MAX_BACKOFF:g} s, got {self.initial_backoff} and {self.max_backoff}"
            )
        if not 1 <= self.multiplier <= MAX_MULTIPLIER:
            raise ValueError(f"multiplier must be 1 to {MAX_MULTIPLIER:g}, got {self.multiplier}")


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


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
                    "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED"],
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
        ("grpc.use_local_subchannel_pool", 1),
    ]


def open_channel(
    addresses: Sequence[str],
    options: Sequence[tuple[str, str | int]],
    tls: Tls | None,
) -> grpc.Channel:
    """Open a channel, plaintext without `tls`. Raises ValueError, Unavailable: see `grpc_target`, `Tls`."""
    target = grpc_target(addresses)
    if tls is None:
        return grpc.insecure_channel(target, options=list(options))
    return grpc.secure_channel(target, tls.credentials(), options=[*options, *tls.options(addresses)])
