"""The options of TLS, for every command that asks a server."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import typer

from ridgeline_client.tls import Tls

_TLS = Annotated[
    bool, typer.Option("--tls", help="Speak TLS; also meant by each of the options that follow.")
]


def _option(name: str, kind: Any, metavar: str, text: str) -> Any:
    variable = "RIDGELINE_" + name.upper()
    flag = "--" + name.replace("_", "-")
    return Annotated[kind, typer.Option(flag, metavar=metavar, envvar=variable, help=text)]


_FILE = Path | None
_PARTS = {
    "ca": _option("tls_ca", _FILE, "FILE", "Authorities to trust, in PEM; else the public ones."),
    "certificate": _option(
        "tls_certificate", _FILE, "FILE", "Your own certificate, if you are asked for it."
    ),
    "key": _option("tls_key", _FILE, "FILE", "Its private key."),
    "server_name": _option("tls_server_name", str, "NAME", "The name in the server's certificate."),
}


def takes_tls(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of TLS; what they say comes as its argument `tls`, None for plaintext."""
    own = inspect.signature(command, eval_str=True)

    @wraps(command)
    def with_tls(**told: Any) -> None:
        asked = told.pop("tls")
        parts = {part: told.pop(f"tls_{part}") for part in _PARTS}
        try:
            tls = Tls(**parts)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        command(**told, tls=tls if asked or tls != Tls() else None)

    kept = [parameter for name, parameter in own.parameters.items() if name != "tls"]
    defaults = asdict(Tls())
    added = [Parameter("tls", Parameter.KEYWORD_ONLY, default=False, annotation=_TLS)]
    added += [
        Parameter(f"tls_{part}", Parameter.KEYWORD_ONLY, default=defaults[part], annotation=option)
        for part, option in _PARTS.items()
    ]
    parameters = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in kept] + added
    with_tls.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    with_tls.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_tls
