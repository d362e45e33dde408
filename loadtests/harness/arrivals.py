"""When calls are due in an open loop: whatever becomes of the earlier ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Seconds = npt.NDArray[np.float64]


def constant(rate: float, seconds: float) -> Seconds:
    """Due times float64[n] in [0, seconds), one every 1 / `rate` seconds; the smoothest load there is."""
    return np.arange(round(rate * seconds)) / rate


def poisson(rate: float, seconds: float, rng: np.random.Generator) -> Seconds:
    """Due times float64[n] of a Poisson process of `rate` a second in [0, seconds): independent callers.

    n is random with mean `rate * seconds`; given n, the times are uniform (Kingman, Poisson Processes, 2.4).
    """
    return np.sort(rng.uniform(0.0, seconds, rng.poisson(rate * seconds)))
