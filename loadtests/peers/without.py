"""The price server with one feature switched off, to see what the feature costs. without.py FEATURE serve ...

For the benchmark alone: such a server checks, guards or tells less than it must.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np

from ridgeline import guard
from ridgeline_server import app, command
from ridgeline_server.engine import predictor
from ridgeline_server.engine.schema import Bounds
from ridgeline_server.engine.single import Singles
from ridgeline_server.monitoring.observer import Observers
from ridgeline_server.transport import pack

Patches = dict[tuple[Any, str], Any]


def _gaps_alone(_: Bounds, numeric: Any) -> Any:
    return np.flatnonzero(np.isnan(numeric))


def _filled_alone(singles: Any, numbers: Any) -> Any:
    gaps = [at for at, value in enumerate(numbers) if math.isnan(value)]
    values = list(numbers)
    for at in gaps:
        values[at] = singles._limits.fill[at]
    return values, gaps, []  # none of them outside


def _unguarded(_rule: Any, model_price: Any, *_: Any) -> Any:
    return model_price, np.zeros(len(model_price), dtype=np.int8)


def _no_interval(_version: Any, model_price: Any, _flags: Any) -> Any:
    return model_price, model_price


def _nobody(*_: Any, **__: Any) -> Observers:
    return Observers()


def _nothing(*_: Any) -> list[Any]:
    return []


FEATURES: dict[str, Patches] = {
    "validation": {(Bounds, "odd"): _gaps_alone, (Singles, "_filled"): _filled_alone},
    "guard": {(guard, "apply"): _unguarded},
    "intervals": {(predictor, "_interval"): _no_interval},
    "metrics": {(app, "Observers"): _nobody},
    "notices": {
        (pack, "notice_counts"): _nothing,
        (pack, "row_notices"): _nothing,
        (pack, "unseen_notices"): _nothing,
    },
}


def main(run: Callable[[list[str]], int] = command.main) -> int:
    """Run the command with a feature patched away."""
    for (place, name), stand_in in FEATURES[sys.argv[1]].items():
        mock.patch.object(place, name, stand_in).start()
    return run(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
