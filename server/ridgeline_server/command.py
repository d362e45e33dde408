"""The `ridgeline-server` command."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ridgeline import __version__
from ridgeline.artifact import ArtifactError
from ridgeline_server.app import run
from ridgeline_server.config import ENV_PREFIX, ConfigError, Settings, load_settings

_EPILOG = f"""Precedence: flags, environment ({ENV_PREFIX}MAX_ROWS for --max-rows), --config file, defaults.
Exit codes: 0 stopped as told, 1 failed, 2 wrong settings or a model that must not be served."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ridgeline-server", description="A gRPC price server.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve",
        help="serve the models of a directory",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.add_argument("--config", type=Path, metavar="FILE", help="TOML file with any of these settings")
    for name, field in Settings.model_fields.items():
        default = "" if field.is_required() else f" (default: {field.default})"
        option: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
        if field.annotation is not bool:
            option = {"metavar": name.rpartition("_")[2].upper()}
        serve.add_argument(
            "--" + name.replace("_", "-"),
            default=argparse.SUPPRESS,
            help=f"{field.description}{default}".replace("%", "%%"),
            **option,
        )
    return parser


def _fail(title: str, problems: Sequence[str]) -> int:
    print(f"ridgeline-server: {title}", file=sys.stderr)
    for problem in problems:
        print(f"  - {problem}", file=sys.stderr)
    return 2


def _stop_on_signals() -> threading.Event:
    """Return an event that the first SIGTERM or SIGINT sets; the second one ends the process at once.

    Python runs a signal's handler on the main thread, and not before a lock that thread waits for is free: a
    signal that comes just before such a wait would go unheard. So the numbers are read from a pipe.
    """
    told = threading.Event()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # without a handler of its own nothing reaches the pipe

    def listen() -> None:
        os.read(reader, 1)
        told.set()
        os._exit(128 + os.read(reader, 1)[0])  # asked twice: leave now, whatever is running

    threading.Thread(target=listen, name="signals", daemon=True).start()
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    flags = vars(_parser().parse_args(arguments))
    flags.pop("command")
    try:
        settings = load_settings(flags, os.environ, flags.pop("config", None))
    except ConfigError as error:
        return _fail("wrong settings", error.problems)
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        run(settings, _stop_on_signals())
    except ArtifactError as error:
        return _fail(f"{error.where}: not fit to serve", error.problems)
    except OSError as error:
        print(f"ridgeline-server: {error}", file=sys.stderr)
        return 1
    return 0
