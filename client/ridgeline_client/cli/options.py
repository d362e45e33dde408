"""Options that several commands take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ridgeline_client.cli import failures
from ridgeline_client.client import DEFAULT_TARGET, DEFAULT_TIMEOUT, PricingClient
from ridgeline_client.errors import RidgelineError
from ridgeline_client.schema import MAX_VERSION, Selection
from ridgeline_client.tls import Tls
from ridgeline_client.token import read_token

Target = Annotated[
    str,
    typer.Option(
        "--target", metavar="HOST:PORT", envvar="RIDGELINE_TARGET", help="The server; several with commas."
    ),
]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="Longest wait for an answer.")]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        envvar="RIDGELINE_TOKEN_FILE",
        help="The file with your token; else the variable RIDGELINE_TOKEN.",
    ),
]
PlaintextToken = Annotated[
    bool, typer.Option("--plaintext-token", help="Send the token to other machines without TLS, too.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines instead of tables for people.")]
Model = Annotated[str, typer.Option("--model", help="The model's name; the server's default when left out.")]
Version = Annotated[
    int | None, typer.Option("--version", min=1, max=MAX_VERSION, help="The model's version number.")
]
Label = Annotated[str | None, typer.Option("--label", help="A label of a version.")]
Digest = Annotated[str | None, typer.Option("--digest", help="The digest of a version.")]

TARGET_DEFAULT = DEFAULT_TARGET
TIMEOUT_DEFAULT = DEFAULT_TIMEOUT


class Unknown(StrEnum):
    """What to do with features the model does not know."""

    REJECT = "reject"
    IGNORE_AND_REPORT = "ignore_and_report"


def selection(model: str, version: int | None, label: str | None, digest: str | None) -> Selection:
    """Return the version asked for; a usage error when it is named in several ways."""
    try:
        return Selection(model, version, label, digest)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@dataclass(frozen=True, slots=True)
class Connection:
    """Which servers to ask, how patiently, over TLS or not, and as whom."""

    target: str
    timeout: float
    tls: Tls | None = None
    token_file: Path | None = None
    plaintext_token: bool = False

    def open(self) -> PricingClient:
        """Open a client; a usage error for what is no address, token or TLS file. Raises RidgelineError."""
        try:
            return PricingClient(
                self.target,
                timeout=self.timeout,
                tls=self.tls,
                token=read_token(self.token_file),
                plaintext_token=self.plaintext_token,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None


@contextmanager
def client(connection: Connection, *, as_json: bool) -> Iterator[PricingClient]:
    """Open a client for the block; an error inside is reported and ends the command with its exit code."""
    try:
        opened = connection.open()
    except RidgelineError as error:
        failures.report(error, as_json=as_json)
        raise typer.Exit(failures.exit_code(error)) from None
    with opened:
        try:
            yield opened
        except RidgelineError as error:
            failures.report(error, as_json=as_json)
            raise typer.Exit(failures.exit_code(error)) from None
        except UnicodeEncodeError:
            raise typer.BadParameter("an argument is no valid Unicode text") from None
