"""`ridgeline-server certs dev`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

_DESCRIPTION = """Makes certificates to try TLS with: ca.pem, server.pem and server-key.pem, and for each
client NAME.pem and NAME-key.pem. They are valid for 30 days; the authority's key is not kept."""


def add_parser(commands: Any) -> None:
    """Add `certs` to the commands of a parser."""
    certs = commands.add_parser(
        "certs",
        help="make certificates to try TLS with",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit codes: 0 written; 1 not.",
    )
    certs.add_argument("kind", choices=["dev"], help="dev: for trying, on this machine")
    certs.add_argument(
        "--out", type=Path, default=Path("certs"), metavar="DIR", help="where to (default: %(default)s)"
    )
    certs.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="name or IP address of the server, beside those of loopback; may be given again",
    )
    certs.add_argument(
        "--client",
        action="append",
        metavar="NAME",
        help="a caller's name; may be given again (default: client)",
    )
    certs.add_argument("--force", action="store_true", help="replace files that are there")


def run(flags: dict[str, Any]) -> int:
    """Make certificates and say where; returns the exit code."""
    try:
        from ridgeline_server.certs import dev  # noqa: PLC0415  # it needs an extra
    except ModuleNotFoundError as error:
        text = f"needs {error.name}: install ridgeline with the extra `certs`"
        print(f"ridgeline-server certs {text}", file=sys.stderr)
        return 1
    try:
        clients = flags["client"] or ["client"]
        for path in dev.write(flags["out"], flags["host"], clients, force=flags["force"]):
            print(path)
    except dev.CertsError as error:
        print(f"ridgeline-server certs: {error}", file=sys.stderr)
        return 1
    return 0
