"""Entry of the `ridgeline` command: says what to install when the `cli` extra is not there."""

from __future__ import annotations

import io
import os
import sys

_CLI_PACKAGES = {"pyarrow", "rich", "typer"}


def main() -> None:
    """Run the command; exits with the codes `ridgeline --help` lists."""
    _spell_out_what_cannot_be_shown()
    # Read when pyarrow is imported. Measured: `score` takes a tenth less memory at its peak, and is as fast.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # gRPC would write a line of its own for each handshake that fails, beside the error that says so.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        from ridgeline_client.cli.app import app  # noqa: PLC0415 - the library works without the extra

        app()
    except ModuleNotFoundError as error:
        if error.name not in _CLI_PACKAGES:
            raise
        print(
            f'the ridgeline command needs {error.name}: pip install "ridgeline[cli]"',
            file=sys.stderr,
        )
        sys.exit(1)


def _spell_out_what_cannot_be_shown() -> None:
    r"""A terminal or pipe that knows only ASCII gets `\xe9`, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
