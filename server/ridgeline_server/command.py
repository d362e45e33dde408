"""The `ridgeline-server` command."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ridgeline import __version__
from ridgeline.artifact import ArtifactError
from ridgeline_server import process, token_command
from ridgeline_server.certs import command as certs
from ridgeline_server.config import ENV_PREFIX, ConfigError, Settings, load_settings
from ridgeline_server.link import Link, WorkerLink
from ridgeline_server.monitoring import logs

_EPILOG = f"""Precedence: flags, environment ({ENV_PREFIX}MAX_ROWS for --max-rows), --config file, defaults.
Exit codes: 0 stopped as told, 1 failed, 2 wrong settings or a model that must not be served."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ridgeline-server", description="A gRPC price server.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="{serve,healthcheck,certs,token}")
    serve = commands.add_parser(
        "serve",
        help="serve the models of a directory",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_file(serve)
    _add_settings(serve, Settings.model_fields)
    healthcheck = commands.add_parser(
        "healthcheck",
        help="ask a running server whether it serves",
        description="Asks the server that runs with the same flags, environment and file for its health.",
        epilog="Exit codes: 0 it serves; 1 it does not, or cannot be asked.",
    )
    _add_file(healthcheck)
    _add_settings(healthcheck, ["address", "tls_certificate", "tls_key", "tls_client_ca"])
    healthcheck.add_argument(
        "--tls-ca",
        type=Path,
        metavar="CA",
        help="PEM file to judge the server's certificate by; else nobody does",
    )
    healthcheck.add_argument(
        "--tls-server-name",
        default="",
        metavar="NAME",
        help="whose certificate it must be; else the address's",
    )
    certs.add_parser(commands)
    token_command.add_parser(commands)
    worker = commands.add_parser("worker")  # not for people: `serve --workers` starts it
    worker.add_argument("--number", type=int, required=True)
    worker.add_argument("--link", type=int, required=True)
    worker.add_argument("--versions", type=json.loads, required=True)
    _add_settings(worker, Settings.model_fields)
    return parser


def _add_file(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", type=Path, metavar="FILE", help="TOML file with any settings of `serve`")


def _add_settings(command: argparse.ArgumentParser, names: Iterable[str]) -> None:
    for name in names:
        field = Settings.model_fields[name]
        default = "" if field.is_required() else f" (default: {field.default})"
        option: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
        if field.annotation is not bool:
            option = {"metavar": name.rpartition("_")[2].upper()}
        command.add_argument(
            "--" + name.replace("_", "-"),
            default=argparse.SUPPRESS,
            help=f"{field.description}{default}".replace("%", "%%"),
            **option,
        )


def _failure(error: ConfigError | ArtifactError | OSError) -> tuple[str, int]:
    """What to print, and the exit code."""
    if isinstance(error, OSError):
        return f"ridgeline-server: {error}", 1
    title = "wrong settings" if isinstance(error, ConfigError) else f"{error.where}: not fit to serve"
    return "\n  - ".join([f"ridgeline-server: {title}", *error.problems]), 2


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
    commands = {
        "serve": _serve,
        "worker": _work,
        "healthcheck": _healthcheck,
        "certs": certs.run,
        "token": token_command.run,
    }
    return commands[flags.pop("command")](flags)


def _serve(flags: dict[str, Any]) -> int:
    try:
        settings = load_settings(flags, os.environ, flags.pop("config", None))
        logs.configure(settings.log_level, settings.log_format)
        _keep_private(settings)
        if settings.workers > 1:
            return _supervise(settings)
        _answer(settings, _stop_on_signals())
    except (ConfigError, ArtifactError, OSError) as error:
        text, code = _failure(error)
        print(text, file=sys.stderr)
        return code


def _supervise(settings: Settings) -> int:
    from ridgeline_server import supervisor  # noqa: PLC0415  # for those who want several processes

    try:
        supervisor.run(settings, _stop_on_signals())
    except supervisor.WorkerFailed as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _work(flags: dict[str, Any]) -> int:
    """One of the processes of `_supervise`: the same settings, and a supervisor to follow."""
    number, end, versions = (flags.pop(name) for name in ("number", "link", "versions"))
    told_to_stop = _stop_on_signals()
    link = WorkerLink(socket.socket(fileno=end), told_to_stop, versions)
    link.follow(orphaned=lambda: os._exit(1))
    try:
        settings = load_settings(flags, {})
        logs.configure(settings.log_level, settings.log_format, worker=number)
        _keep_private(settings)
        _answer(settings, told_to_stop, link, number)
    except (ConfigError, ArtifactError, OSError) as error:
        text, code = _failure(error)
        link.failed(text)
        return code


def _keep_private(settings: Settings) -> None:
    # Each process for itself: a worker inherits the limit of its supervisor, not what debuggers may do.
    if not settings.core_dumps:
        process.keep_memory_private()


def _answer(
    settings: Settings, told_to_stop: threading.Event, link: Link | None = None, number: int = 1
) -> NoReturn:
    process.tune_allocator()
    # gRPC would write a line, and no log line, for each handshake that fails: whoever likes could fill disks.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    # And one with a traceback for each piece of metadata that is no UTF-8, which it quotes: a token, too.
    logging.getLogger("grpc._cython.cygrpc").setLevel(logging.CRITICAL)
    if settings.pin_cpu:
        process.keep_on_one_cpu(number)
    from ridgeline_server.run import run  # noqa: PLC0415  # others must not wait for the model runtime

    run(settings, told_to_stop, link)
    logging.shutdown()
    os._exit(0)  # see `run`; Python's own way out would stop gRPC first


def _healthcheck(flags: dict[str, Any]) -> int:
    from ridgeline_server.transport import healthcheck  # noqa: PLC0415  # as above, and `serve` needs it not

    file, authorities, name = (flags.pop(name, None) for name in ("config", "tls_ca", "tls_server_name"))
    try:
        # `models` must be set, and nobody asks for them here; nor is anything served.
        settings = load_settings({**flags, "models": Path(), "allow_plaintext": True}, os.environ, file)
        target = healthcheck.require_serving(settings, authorities, name)
        print(f"{target} is SERVING")
    except (ConfigError, healthcheck.Unhealthy) as error:
        print(f"ridgeline-server healthcheck: {error}", file=sys.stderr)
        return 1  # Docker reserves 2
    return 0
