"""Asks a server for its health, as an orchestrator does every few seconds: no model runtime is imported."""

from __future__ import annotations

from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT_S = 3.0

_STATUS = health_pb2.HealthCheckResponse
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  # what a server listens on, told apart


class Unhealthy(Exception):
    """The server does not serve; the text says what it answered, or that it did not."""


def require_serving(address: str) -> str:
    """Ask grpc.health.v1 of the server that was told to listen on `address`; returns the address asked.

    Args:
        address: HOST:PORT. A host that stands for every interface is asked by loopback.

    Raises:
        Unhealthy: any answer but SERVING, or none within TIMEOUT_S seconds.
    """
    host, _, port = address.rpartition(":")
    if int(port) == 0:
        raise Unhealthy(
            f"{address} stands for a free port, nobody knows which: give the one in the server's log"
        )
    target = f"{_ANY_ADDRESS.get(host, host)}:{port}"
    # A proxy of the environment is for calls that leave the host.
    with grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        status = _status(channel, target)
    if status != _STATUS.SERVING:
        raise Unhealthy(f"{target} is {_STATUS.ServingStatus.Name(status)}: it loads its models, or drains")
    return target


def _status(channel: grpc.Channel, target: str) -> Any:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    try:
        return stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S).status
    except grpc.RpcError as error:
        code = error.code()
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            raise Unhealthy(f"{target} gave no answer in {TIMEOUT_S:g} s") from error
        if code is grpc.StatusCode.UNAVAILABLE:
            raise Unhealthy(f"no server answers on {target}: give its --address") from error
        raise Unhealthy(f"{target} answered {code.name}: is it a Ridgeline server?") from error
