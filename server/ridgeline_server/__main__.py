"""Entry of the `ridgeline-server` command: says what to install when the `server` extra is not there."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command; returns the exit code."""
    try:
        from ridgeline_server.command import main as run  # noqa: PLC0415  # every wheel carries this file

        return run()
    except ModuleNotFoundError as error:
        print(
            f"ridgeline-server needs {error.name}: install ridgeline with the extra `server`", file=sys.stderr
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
