"""States of a server, one way only: LOADING -> SERVING -> LAME_DUCK -> DRAINING -> STOPPED."""

from __future__ import annotations

import threading
from enum import IntEnum

from ridgeline_server.errors import NotReady, PricingError
from ridgeline_server.rollout.catalog import Catalog


class State(IntEnum):
    """Only SERVING is healthy and ready, and published once it is true.

    LAME_DUCK: calls are still answered, while load balancers learn that they should ask elsewhere.
    DRAINING: new calls are refused, running ones finish.
    """

    LOADING = 0
    SERVING = 1
    LAME_DUCK = 2
    DRAINING = 3
    STOPPED = 4


class Lifecycle:
    """Where the server is in its life, and what it serves. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = State.LOADING
        self._catalog: Catalog | None = None

    @property
    def state(self) -> State:
        """The current state."""
        return self._state

    def serve(self, catalog: Catalog) -> None:
        """LOADING -> SERVING, with the versions that answer. Does nothing when told to stop before."""
        with self._lock:
            if self._state is State.LOADING:
                self._catalog = catalog
                self._state = State.SERVING

    def advance(self, state: State) -> None:
        """Move on to a later state; never back."""
        with self._lock:
            self._state = max(self._state, state)

    def catalog(self) -> Catalog:
        """The served versions. Raises NotReady while loading."""
        if self._catalog is None:
            raise NotReady(self._state.name.lower())
        return self._catalog

    def refusal(self) -> PricingError | None:
        """Why a new call must not start now; None when it may."""
        return None if self._state in _ANSWERING else NotReady(self._state.name.lower())


_ANSWERING = (State.SERVING, State.LAME_DUCK)
