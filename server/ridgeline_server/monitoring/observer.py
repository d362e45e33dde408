"""How the price path tells of itself, without knowing who listens.

Observers are told on the threads that price, several at a time: they must be quick and must not block.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, Protocol

from ridgeline.artifact import Manifest
from ridgeline_server.domain import Tally
from ridgeline_server.errors import Violation

_log = logging.getLogger(__name__)

_P = ParamSpec("_P")


class CallObserver(Protocol):
    """Wants to know of calls. `method` is one of the contract, such as "Predict"."""

    def waited(self, pool: str, seconds: float) -> None:
        """A call got its thread of `pool` after `seconds`."""

    def answered(self, method: str, seconds: float) -> None:
        """A message was answered `seconds` after it was there: once in a unary call, often in a stream."""

    def ended(self, method: str, code: str, reason: str) -> None:
        """A call ended with the name of a gRPC code, and a Reason or ""."""


class RowObserver(Protocol):
    """Wants to know of rows."""

    def priced(self, manifest: Manifest, tally: Tally) -> None:
        """A version priced rows; those it refused are counted too."""

    def refused(self, manifest: Manifest, violations: Sequence[Violation]) -> None:
        """A version refused a request as a whole, for violations no row can be blamed for."""


class CallSpan(Protocol):
    """Follows one call. It must not raise."""

    def priced(self, tally: Tally) -> None:
        """Rows were priced; those that were refused are counted too."""

    def ended(self, code: str, fields: Mapping[str, Any]) -> None:
        """The call ended with the name of a gRPC code; `fields` are those of its log line."""


class CallTracer(Protocol):
    """Wants to follow each call from its begin to its end. It must not raise."""

    def begin(self, method: str, metadata: Iterable[tuple[str, str | bytes]]) -> CallSpan:
        """A call began; `metadata` is its caller's."""


class Observers:
    """Tells every observer. One that raises fails no call: the first error is logged, all are counted.

    Attributes:
        waited, answered, ended: see `CallObserver`.
        priced, refused: see `RowObserver`.
    """

    def __init__(
        self,
        calls: Sequence[CallObserver] = (),
        rows: Sequence[RowObserver] = (),
        count_error: Callable[[], object] = lambda: None,
    ) -> None:
        """`count_error` is called after each error of an observer."""
        self._count_error = count_error
        self._logged = False
        # Made once: every call passes here, and with nobody to tell it should cost nothing.
        self.waited = self._teller([o.waited for o in calls])
        self.answered = self._teller([o.answered for o in calls])
        self.ended = self._teller([o.ended for o in calls])
        self.priced = self._teller([o.priced for o in rows])
        self.refused = self._teller([o.refused for o in rows])

    def _teller(self, listeners: Sequence[Callable[_P, None]]) -> Callable[_P, None]:
        if not listeners:
            return lambda *_args, **_kwargs: None

        def tell(*args: _P.args, **kwargs: _P.kwargs) -> None:
            for listener in listeners:
                try:
                    listener(*args, **kwargs)
                except Exception:  # noqa: BLE001  # whatever goes wrong in an observer, the call goes on
                    self._note_error()

        return tell

    def _note_error(self) -> None:
        self._count_error()
        if not self._logged:
            self._logged = True
            _log.exception("an observer failed; further errors are only counted")
