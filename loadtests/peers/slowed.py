"""The price server made slower on purpose: it prices everything five times. slowed.py serve ...

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

TIMES = 5


def _several(real: Callable[..., Any]) -> Callable[..., Any]:
    def again(*arguments: Any) -> Any:
        for _ in range(TIMES - 1):
            real(*arguments)
        return real(*arguments)

    return again


def main(run: Callable[[list[str]], int] = command.main) -> int:
    """Run the command with pricing patched."""
    for place, name in ((Singles, "price"), (servicer, "predict"), (payload, "predict")):
        mock.patch.object(place, name, _several(getattr(place, name))).start()
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
