"""A server in its own process, as it is deployed, and the market it prices."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from ridgeline.v1.pricing_service_pb2_grpc import PricingServiceStub
from ridgeline_client import PricingClient
from support import techmart as market
from support.techmart import TechMart

READY = "serving on "


@pytest.fixture(scope="session")
def notebook(techmart: Path) -> TechMart:
    """Both files and the notebook's model."""
    return market.read(techmart)


@pytest.fixture(scope="session")
def address(techmart_models: Path) -> Iterator[str]:
    """HOST:PORT of a server process with the TechMart model."""
    command = [sys.executable, "-m", "ridgeline_server", "serve", "--models", str(techmart_models)]
    command += ["--address", "127.0.0.1:0", "--ops-address", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if READY in line:
                break
        else:
            pytest.fail("the server did not start:\n" + "".join(lines))
        yield line.split(READY)[1].split()[0]
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="session")
def stub(address: str) -> Iterator[PricingServiceStub]:
    """The generated stub of that server."""
    with grpc.insecure_channel(address) as channel:
        yield PricingServiceStub(channel)


@pytest.fixture(scope="session")
def client(address: str) -> Iterator[PricingClient]:
    """The client library, connected to that server."""
    with PricingClient(address, timeout=30) as connected:
        yield connected
