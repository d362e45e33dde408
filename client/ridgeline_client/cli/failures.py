"""What the command says when it fails, and its exit codes."""

from __future__ import annotations

import json

import typer
from rich.console import Console

from ridgeline_client import errors
from ridgeline_client.cli.output import to_plain

OK, FAILURE, WRONG_INPUT, NO_PRICE, UNAVAILABLE = 0, 1, 2, 3, 4

EXIT_CODES = (
    "Exit codes: 0 done; 1 other failure; 2 wrong input or usage; 3 the guard gave no price, or the model is "
    "not the one asked for (digest, schema); 4 no server, overload, or no answer in time; 130, 143 stopped "
    "by a signal."
)

_CODES: dict[type[errors.RidgelineError], int] = {
    errors.InvalidInput: WRONG_INPUT,
    errors.MessageTooLarge: WRONG_INPUT,
    errors.ModelNotFound: WRONG_INPUT,
    errors.PriceRejected: NO_PRICE,
    errors.PreconditionFailed: NO_PRICE,
    errors.Unavailable: UNAVAILABLE,
    errors.Overloaded: UNAVAILABLE,
    errors.DeadlineExceeded: UNAVAILABLE,
}


def exit_code(error: errors.RidgelineError) -> int:
    """Return the exit code for an error; 1 for those without one of their own."""
    return _CODES.get(type(error), FAILURE)


def report(error: Exception, *, as_json: bool) -> None:
    """Say on standard error what went wrong, for a person or as one JSON object."""
    if as_json:
        typer.echo(json.dumps({"error": _facts(error)}, allow_nan=False), err=True)
    else:
        console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        console.print(f"error: {error}", style="red")


def _facts(error: Exception) -> object:
    facts = {"type": type(error).__name__, "message": str(error), **vars(error)}
    return to_plain({name: value for name, value in facts.items() if value not in ("", {}, ())})
