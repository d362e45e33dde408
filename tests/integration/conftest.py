"""A server that one test file has for itself: what it counts and logs is that file's doing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ridgeline_server.app import App
from support.servers import ANY_PORT, serving
from support.wire import Wire, connect


@pytest.fixture(scope="module")
def app(toy_models: Path) -> Iterator[App]:
    """A running server of the small model, of this file alone."""
    with serving(toy_models, ops_address=ANY_PORT) as app:
        yield app


@pytest.fixture(scope="module")
def wire(app: App) -> Iterator[Wire]:
    """A connection to `app`."""
    with connect(app.address) as wire:
        yield wire
