"""Serves until it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ridgeline_server.app import App
from ridgeline_server.config import ConfigError, Settings
from ridgeline_server.link import Link
from ridgeline_server.monitoring.observer import CallTracer
from ridgeline_server.process import allow_descriptors, freeze_garbage
from ridgeline_server.transport.protobuf import require_upb
from ridgeline_server.transport.servicer import SERVICE

_OTHER_DESCRIPTORS = 512  # models, logs, probes, connections that are being refused
_EXPORT_S = 2.0  # for the last spans, should the collector be slow


def run(settings: Settings, told_to_stop: threading.Event, link: Link | None = None) -> None:
    """Serve until `told_to_stop` is set, and drain. The caller then leaves the process, which closes the
    ports: see `Listener.close`.

    Raises:
        ConfigError: there cannot be tracing or TLS, signatures cannot be checked, the file of tokens is none,
            or protobuf is the slow one.
        OSError, ArtifactError: the start failed.
    """
    require_upb()
    allow_descriptors(settings.max_connections + _OTHER_DESCRIPTORS)
    with _tracing(settings) as tracer:
        app = App(settings, tracer, link)
        _serve(app, told_to_stop)


def _serve(app: App, told_to_stop: threading.Event) -> None:
    try:
        app.listen()
        app.load(told_to_stop)
        freeze_garbage()
    except BaseException:
        app.stop()
        raise
    told_to_stop.wait()
    app.drain()


@contextmanager
def _tracing(settings: Settings) -> Iterator[CallTracer | None]:
    """The tracer that the settings ask for; what it still has is exported at the end."""
    if not settings.tracing:
        yield None
        return
    try:
        from ridgeline_server.monitoring import tracing  # noqa: PLC0415  # it needs an extra, and time
    except ModuleNotFoundError as error:
        text = f"tracing is on, and {error.name} is not there: install ridgeline with the extra `tracing`"
        raise ConfigError([text]) from error
    try:
        tracer = tracing.SpanTracer(tracing.otlp_processor(), SERVICE)
    except tracing.UnknownProtocol as error:
        raise ConfigError([str(error)]) from error
    try:
        yield tracer
    finally:
        tracer.close(_EXPORT_S)
