"""Entry of the `ridgeline` command: says what to install when the `cli` extra is not there."""

from __future__ import annotations

import sys

_CLI_PACKAGES = {"rich", "typer"}


def main() -> None:
    """Run the command; exits with the codes `ridgeline --help` lists."""
    try:
        from ridgeline_client.cli.app import app  # noqa: PLC0415 - the library works without the extra
    except ModuleNotFoundError as error:
        if error.name not in _CLI_PACKAGES:
            raise
        print(
            f'the ridgeline command needs {error.name}: pip install "ridgeline[cli]"',
            file=sys.stderr,
        )
        sys.exit(1)
    app()


if __name__ == "__main__":
    main()
