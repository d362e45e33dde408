"""The server's own handlers without its socket: bytes go in, bytes or a status come out."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.engine.artifact import Version
from ridgeline_server.monitoring.metrics import Metrics
from ridgeline_server.monitoring.observer import Observers
from ridgeline_server.rollout.catalog import load_catalog
from ridgeline_server.transport.call import Calls
from ridgeline_server.transport.pool import ParkingPool, PoolLimits
from ridgeline_server.transport.rpc import StreamMethod, short, stream, unary
from ridgeline_server.transport.servicer import PricingServicer
from ridgeline_server.transport.stream import PricingStream
from support.context import Context

LIMITS = pb.Limits(max_rows=40, max_records=8, max_message_bytes=1 << 20)
"""Low, so that small inputs go beyond them."""


class Handlers:
    """What answers calls once a model is loaded, put together as in the server's `App`."""

    def __init__(self, models: Path) -> None:
        catalog = load_catalog(models, "")
        self.version: Version = next(iter(catalog))
        parts = (lambda: catalog, LIMITS, lambda: "0" * 32)
        servicer, streams = PricingServicer(*parts), PricingStream(*parts)
        metrics = Metrics([short(name) for name in servicer.methods()] + ["PredictStream"], lambda: True)
        metrics.serve([(self.version.manifest, self.version.digest)], 0.0)
        observers = Observers([metrics.calls], [metrics.rows], metrics.count_error)
        calls = Calls(observers, slow_s=60.0)
        pool = ParkingPool(PoolLimits(active=0))
        pool.shutdown()  # nothing runs on it, and nobody needs to watch it
        self._unary: dict[str, Any] = {
            short(name): unary(short(name), method, pool, calls).stream_unary
            for name, method in servicer.methods().items()
        }
        method = StreamMethod(pb.PredictStreamRequest, streams.answer)
        self._stream: Any = stream("PredictStream", method, pool, lambda: None, calls).stream_stream

    def ask(self, method: str, content: bytes) -> bytes:
        """Answer a unary call. Raises support.context.Aborted with the status of one that fails."""
        answer: bytes = self._unary[method](iter([content]), Context())
        return answer

    def stream(self, contents: Iterable[bytes]) -> Iterable[bytes]:
        """Answer PredictStream, message by message. Raises as `ask` does."""
        answers: Iterable[bytes] = self._stream(iter(contents), Context())
        return answers


class Unforeseen(logging.Handler):
    """Keeps the exceptions that the server logs instead of telling its callers."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._errors: list[BaseException] = []
        logging.getLogger("ridgeline_server").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            self._errors.append(record.exc_info[1])

    def reraise(self) -> None:
        """Raise the first exception there was since the last time."""
        errors, self._errors = self._errors, []
        if errors:
            raise errors[0]
