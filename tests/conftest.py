"""Fixtures that cost time are made once: the simulated market, exported models, running servers."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest

from ridgeline_client import PricingClient
from ridgeline_export import simulate
from ridgeline_export.export import export_model
from ridgeline_export.progress import silent
from ridgeline_server.app import App
from support import toys
from support.servers import ANY_PORT, serving

# How long an example takes says nothing about the code: the machine may be busy.
hypothesis.settings.register_profile("ridgeline", deadline=None)
hypothesis.settings.load_profile("ridgeline")


@pytest.fixture(scope="session", autouse=True)
def _pages_close_at_once() -> Iterator[None]:
    """The standard library's HTTP server looks every half second whether it is told to stop."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socketserver.BaseServer.serve_forever, "__defaults__", (0.01,))
        yield


@pytest.fixture(scope="session")
def techmart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with the TechMart tables, schema and planted faults."""
    directory = tmp_path_factory.mktemp("techmart")
    simulate.write(directory, simulate.DEFAULT_SEED, silent)
    return directory


@pytest.fixture(scope="session")
def techmart_models(techmart: Path) -> Path:
    """Models directory with the TechMart model."""
    created = datetime(2026, 6, 1, tzinfo=UTC)
    export_model(techmart / "training.csv", techmart / "schema.toml", techmart / "models", created=created)
    return techmart / "models"


@pytest.fixture(scope="session")
def techmart_server(techmart_models: Path) -> Iterator[App]:
    """A running server of the TechMart model."""
    with serving(techmart_models) as app:
        yield app


@pytest.fixture(scope="session")
def techmart_client(techmart_server: App) -> Iterator[PricingClient]:
    """A client of `techmart_server`."""
    with PricingClient(techmart_server.address, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def toy_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models directory with the small model of `support.toys`."""
    return toys.export(tmp_path_factory.mktemp("toys"))


@pytest.fixture(scope="session")
def toy_server(toy_models: Path) -> Iterator[App]:
    """A running server of the small model."""
    with serving(toy_models, ops_address=ANY_PORT) as app:
        yield app


@pytest.fixture(scope="session")
def toy_client(toy_server: App) -> Iterator[PricingClient]:
    """A client of `toy_server`."""
    with PricingClient(toy_server.address, timeout=30) as client:
        yield client
