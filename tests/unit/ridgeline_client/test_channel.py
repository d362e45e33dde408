from __future__ import annotations

import json
import math
import socket

import pytest

from ridgeline.v1 import pricing_service_pb2
from ridgeline_client import RetryPolicy, Unavailable
from ridgeline_client.addresses import address_list, grpc_target
from ridgeline_client.channel import channel_options, service_config


def test_the_service_config_retries_pure_calls_and_never_the_stream() -> None:
    config = json.loads(service_config(RetryPolicy()))
    assert config["loadBalancingConfig"] == [{"round_robin": {}}]
    assert config["retryThrottling"] == {"maxTokens": 100, "tokenRatio": 0.1}
    (methods,) = config["methodConfig"]
    service = "ridgeline.v1.PricingService"
    assert methods["name"] == [
        {"service": service, "method": name} for name in ("Predict", "PredictBatch", "DescribeModel")
    ]
    assert methods["retryPolicy"] == {
        "maxAttempts": 4,
        "initialBackoff": "0.100s",
        "maxBackoff": "1.000s",
        "backoffMultiplier": 2.0,
        "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED"],
    }


def test_retried_methods_are_methods_of_the_contract() -> None:
    (methods,) = json.loads(service_config(RetryPolicy()))["methodConfig"]
    service = pricing_service_pb2.DESCRIPTOR.services_by_name["PricingService"]
    assert {name["method"] for name in methods["name"]} == set(service.methods_by_name) - {"PredictStream"}


def test_one_attempt_means_no_retry_policy() -> None:
    assert "methodConfig" not in json.loads(service_config(RetryPolicy(max_attempts=1)))


def test_the_retry_buffer_holds_the_largest_message_and_pings_are_slow() -> None:
    options = dict(channel_options(RetryPolicy(), 1_000_000))
    assert int(options["grpc.per_rpc_retry_buffer_size"]) > 1_000_000
    assert options["grpc.max_send_message_length"] == 1_000_000
    assert options["grpc.max_receive_message_length"] == 1_000_000
    assert int(options["grpc.keepalive_time_ms"]) >= 60_000
    assert options["grpc.keepalive_permit_without_calls"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"max_attempts": 0},
        {"max_attempts": 6},
        {"initial_backoff": 0.001},
        {"initial_backoff": 3.0},
        {"multiplier": 0.5},
        {"multiplier": math.nan},
        {"multiplier": math.inf},
        {"multiplier": 1e308},
        {"max_backoff": math.inf},
        {"max_backoff": math.nan},
        {"max_attempts": 2.5},
        {"max_attempts": True},
    ],
)
def test_a_retry_policy_grpc_would_change_or_hang_on_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RetryPolicy(**changes)  # type: ignore[arg-type] # the table mixes int and float


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("localhost:50051", "dns:///localhost:50051"),
        ("prices.example:443", "dns:///prices.example:443"),
        ("10.0.0.1:50051", "ipv4:10.0.0.1:50051"),
        ("[::1]:50051", "ipv6:[::1]:50051"),
        ("10.0.0.1:1,10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        (["10.0.0.1:1", "10.0.0.2:2", "10.0.0.1:1"], "ipv4:10.0.0.1:1,10.0.0.2:2"),
        (["[::1]:1", "[::2]:2"], "ipv6:[::1]:1,[::2]:2"),
        ("dns:///a.example:1", "dns:///a.example:1"),
        ("unix:/run/prices.sock", "unix:/run/prices.sock"),
        ("ipv4:10.0.0.1:1,10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2"),
    ],
)
def test_addresses_become_grpc_targets(target: str | list[str], expected: str) -> None:
    assert grpc_target(address_list(target)) == expected


@pytest.mark.parametrize(
    "target",
    [
        "localhost",
        "localhost:",
        ":50051",
        "localhost:0",
        "localhost:70000",
        "::1:50051",
        "a:b",
        "",
        "localhost:²",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(target: str) -> None:
    with pytest.raises(ValueError, match=r"expected HOST:PORT, such as localhost:50051"):
        grpc_target(address_list(target))


@pytest.mark.parametrize("target", ["dns:", "dns:///", "unix:", "ipv4: "])
def test_a_scheme_alone_is_no_address(target: str) -> None:
    with pytest.raises(ValueError, match=f"{target!r} names no server"):
        grpc_target(address_list(target))


def test_an_empty_list_and_a_mixed_list_are_refused() -> None:
    with pytest.raises(ValueError, match="no address given"):
        address_list([])
    with pytest.raises(ValueError, match="not both"):
        grpc_target(["10.0.0.1:1", "[::1]:1"])


def test_host_names_in_a_list_are_looked_up_and_ipv4_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = {"one": ["::1", "10.0.0.1", "10.0.0.2"], "two": ["10.0.0.3"], "six": ["::6"]}

    def look_up(host: str, port: None, **options: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(0, 0, 0, "", (address, 0)) for address in addresses[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert grpc_target(["one:1", "two:2"]) == "ipv4:10.0.0.1:1,10.0.0.2:1,10.0.0.3:2"
    assert grpc_target(["six:1", "[::7]:2"]) == "ipv6:[::6]:1,[::7]:2"


def test_a_host_name_nobody_knows_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str, port: None, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(Unavailable, match="cannot look up host 'nowhere.example': Name or service not known"):
        grpc_target(["nowhere.example:1", "10.0.0.1:1"])
