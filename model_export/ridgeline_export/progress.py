"""How long work reports itself: a callable told the stage, what is done and how much there is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""progress(stage, done, total): called with done = 0 at the start of a stage and done = total at its end."""


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
