"""When a worker that has ended is started again."""

from __future__ import annotations

FIRST_S = 0.1
MOST_S = 10.0
FORGIVEN_S = 60.0
"""Seconds of serving after which earlier ends no longer count."""


def wait_before_restart(previous: float | None, served: float) -> float:
    """Return how many seconds to wait: at once almost, then twice as long each time.

    Args:
        previous: seconds waited before the start of the worker that has ended; None: it was the first.
        served: seconds for which it served, 0 when it never did.
    """
    if previous is None or served >= FORGIVEN_S:
        return FIRST_S
    return min(2 * previous, MOST_S)
