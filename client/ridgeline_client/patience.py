"""How long a stream waits without progress, over all its attempts."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Self

_LOOKS = 4  # how often a stalled call is looked at within the time one attempt has
_ATTEMPTS = 3  # a stalled server gets a third of the patience before another one is tried


class Patience:
    """Seconds of waiting that are left until the next progress. `limit` in seconds."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._spent = 0.0

    def renew(self) -> None:
        """There was progress."""
        self._spent = 0.0

    def spend(self, seconds: float) -> None:
        """Count time that was spent waiting."""
        self._spent += seconds

    def left(self) -> float:
        """Seconds that may still be waited."""
        return self.limit - self._spent

    def wait(self, seconds: float) -> None:
        """Wait before another attempt, at most as long as patience lasts."""
        pause = min(seconds, max(0.0, self.left()))
        time.sleep(pause)
        self.spend(pause)


class Watch:
    """Reads responses of one call; cancels it when it stalls. A context manager."""

    def __init__(self, call: Any, patience: Patience) -> None:
        self._call = call
        self._patience = patience
        self._waiting_since: float | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._look, name="ridgeline-stream-watch", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    def next(self) -> Any:
        """Return the next response, None at the end. Raises grpc.RpcError, also when the call stalls."""
        since = self._waiting_since = time.monotonic()
        try:
            return next(self._call, None)
        finally:
            self._waiting_since = None
            self._patience.spend(time.monotonic() - since)

    def _look(self) -> None:
        allowed = self._patience.limit / _ATTEMPTS
        while not self._ended.wait(allowed / _LOOKS):
            since = self._waiting_since
            if since is not None and time.monotonic() - since > allowed:
                self._call.cancel()
                return
