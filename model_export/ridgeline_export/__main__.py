"""Entry of the `ridgeline-export` command: says what to install when the `export` extra is not there."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; exits with the codes its help lists."""
    try:
        from ridgeline_export.command import app  # noqa: PLC0415  # every wheel carries this file
    except ModuleNotFoundError as error:
        print(
            f"ridgeline-export needs {error.name}: install ridgeline with the extra `export`", file=sys.stderr
        )
        sys.exit(1)
    app(prog_name="ridgeline-export")


if __name__ == "__main__":
    main()
