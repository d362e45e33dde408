"""A real server in this process, on ports nobody else has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ridgeline_server.app import App
from ridgeline_server.config import load_settings

ANY_PORT = "127.0.0.1:0"


def new_app(models: Path, **settings: Any) -> App:
    """An app with a bound port; nothing is answered yet, and there is no `ops_address`."""
    defaults = {"address": ANY_PORT, "ops_address": "", "drain_grace_s": 5.0}
    return App(load_settings({"models": models, **defaults, **settings}, {}))


@contextmanager
def serving(models: Path, **settings: Any) -> Iterator[App]:
    """A server that is SERVING."""
    app = new_app(models, **settings)
    app.listen()
    try:
        app.load()
        yield app
    finally:
        app.stop()
