"""The commands `keygen`, `sign` and `verify`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ridgeline_export.failures import stderr, told_errors

VersionDirectory = Annotated[
    Path, typer.Argument(help="Version directory, such as models/techmart/1.", show_default=False)
]


def keygen(
    file: Annotated[
        Path, typer.Argument(help="Where to write the private key, such as signing.pem.", show_default=False)
    ],
) -> None:
    """Make a key pair to sign versions with: FILE, for its owner alone, and beside it the public key."""
    with _signing():
        # Here, because it needs an extra.
        from ridgeline_export.signing import make_keys  # noqa: PLC0415 - reason above

        public, key = make_keys(file)
    typer.echo(f"key {key}: private {file}, public {public}")


def sign(
    version: VersionDirectory,
    key: Annotated[Path, typer.Option(help="PEM file of the private key.", show_default=False)],
) -> None:
    """Check every file of a version against its manifest, and sign the manifest: writes manifest.sig."""
    with _signing():
        # As in `keygen`.
        from ridgeline_export import signing  # noqa: PLC0415 - reason above

        name = signing.sign(version, key)
    typer.echo(f"{version}: signed by key {name}")


def verify(
    version: VersionDirectory,
    key: Annotated[
        Path, typer.Option(help="PEM file of one or more public keys that are trusted.", show_default=False)
    ],
) -> None:
    """Check a version's signature and every file, as a server does that requires signatures."""
    with _signing():
        # As in `keygen`.
        from ridgeline_export import signing  # noqa: PLC0415 - reason above

        name, files = signing.verify(version, key)
    typer.echo(f"{version}: signed by key {name}, {files} files as they were")


@contextmanager
def _signing() -> Iterator[None]:
    with told_errors():
        try:
            yield
        except ModuleNotFoundError:
            text = "ridgeline-export needs cryptography: install ridgeline with the extra `signing`"
            stderr.print(text, soft_wrap=True)
            raise typer.Exit(1) from None
