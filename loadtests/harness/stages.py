"""Shapes of load: how many users there are when."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

RAMP_S = 5.0
"""Seconds in which a steady load comes up to its users."""

SPIKE = 8
"""Times as many users in a spike as before and after it."""

_FAST = 100.0  # users a second; above it Locust warns


@dataclass(frozen=True, slots=True)
class Stage:
    """A number of users until `end_s`, in seconds from the start of the run.

    `spawn_rate` is how many of them start, or stop, a second.
    """

    end_s: float
    users: int
    spawn_rate: float = _FAST


Shape = Callable[[int, float], tuple[Stage, ...]]
"""Makes the stages of a run from its users and its length in seconds."""


def steady(users: int, seconds: float) -> tuple[Stage, ...]:
    """The same users all the time, after a ramp."""
    return (Stage(seconds, users, min(users / RAMP_S, _FAST)),)


def step(users: int, seconds: float) -> tuple[Stage, ...]:
    """1, 2, 4, ... users, at last `users`, each for equally long."""
    steps = math.ceil(math.log2(users)) + 1
    return tuple(Stage(seconds * n / steps, min(2 ** (n - 1), users)) for n in range(1, steps + 1))


def spike(users: int, seconds: float) -> tuple[Stage, ...]:
    """A third of the time `users`, a third SPIKE times as many, then `users` again."""
    third = seconds / 3
    return (Stage(third, users), Stage(2 * third, users * SPIKE), Stage(seconds, users))


SHAPES: Mapping[str, Shape] = {"steady": steady, "step": step, "spike": spike, "soak": steady}
"""By name. A soak is steady, and long."""


def stage_at(stages: Sequence[Stage], now_s: float) -> Stage | None:
    """Return the stage of a moment; None when the run is over."""
    return next((stage for stage in stages if now_s < stage.end_s), None)
