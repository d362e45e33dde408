"""What becomes of a server and its other callers while somebody misbehaves."""

from __future__ import annotations

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from support.wire import TIMEOUT, connect, record

REQUEST = pb.PredictRequest(record=record())
HEALTH = "grpc.health.v1.Health"
NOT_SERVING, SERVING = 2, 1


def assert_served(address: str) -> None:
    """Somebody else's price and health."""
    with connect(address) as other:
        assert other.predict(REQUEST).currency_code == "EUR"
        assert other.check() == SERVING


def assert_idle(app: App) -> None:
    """No call holds a thread."""
    parts = app._listener
    for pool in (parts._pool, parts._streams, parts.health._checks, parts.health._watching):
        assert pool.wait_idle(TIMEOUT)
