"""How a stream waits for its caller's rate; tests/integration/test_rates.py has the rest."""

from __future__ import annotations

from typing import cast

import grpc
import pytest

from ridgeline_server.transport.pace import wait_for_rate
from support.context import Context


def test_for_a_caller_who_has_left_nobody_waits() -> None:
    debts = iter([0.001, 0.0])
    with pytest.raises(grpc.RpcError):
        wait_for_rate(debts.__next__, cast("grpc.ServicerContext", Context()), lambda: None)
    assert list(debts) == [0.0]
