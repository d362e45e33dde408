"""The price server made slower on purpose: it prices everything several times. slowed.py serve ...

Proves that `bench.py --check` notices.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

from ridgeline_server import command
from ridgeline_server.engine.single import Singles
from ridgeline_server.transport import payload, servicer

TIMES: dict[tuple[Any, str], int] = {
    (Singles, "price"): 25,
    (servicer, "predict"): 5,
    (payload, "predict"): 5,
}
"""Of a call with one record pricing is a small part."""


def _several(real: Callable[..., Any], times: int) -> Callable[..., Any]:
    def again(*arguments: Any) -> Any:
        for _ in range(times - 1):
            real(*arguments)
        return real(*arguments)

    return again


def main(run: Callable[[list[str]], int] = command.main) -> int:
    """Run the command with pricing patched."""
    for (place, name), times in TIMES.items():
        mock.patch.object(place, name, _several(getattr(place, name), times)).start()
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
