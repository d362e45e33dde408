"""How the command says what went wrong, and with which exit code it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from ridgeline.artifact import ArtifactError
from ridgeline_export.problems import ExportError, InputError

# Names and paths are printed as they are: ":apple:" is a text, not a picture.
stderr = Console(stderr=True, emoji=False)


@contextmanager
def told_errors() -> Iterator[None]:
    """Turn errors a person can mend into a message and an exit code."""
    try:
        yield
    except (InputError, ArtifactError) as error:
        stderr.print(f"[bold red]{escape(error.where)}[/bold red]", soft_wrap=True)
        for problem in error.problems:
            stderr.print(escape(f"  - {problem}"), soft_wrap=True)
        raise typer.Exit(2) from None
    except ExportError as error:
        stderr.print(f"[bold red]Not exported:[/bold red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from None
    except OSError as error:
        stderr.print(f"[bold red]Failed:[/bold red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from None
