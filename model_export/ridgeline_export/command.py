"""The command `ridgeline-export`: simulate, train, inspect, sign.

Progress and errors go to stderr, results to stdout. Exit codes: 0 done, 2 wrong input, 1 any other failure.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ridgeline_export import progress as reporting
from ridgeline_export import signing_commands
from ridgeline_export.card import Card, read_card
from ridgeline_export.card_view import show
from ridgeline_export.failures import stderr, told_errors
from ridgeline_export.release import check_directory

app = typer.Typer(
    help="Make price models: simulate a table, train and export a model, inspect and sign a version.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


@app.command()
def train(
    table: Annotated[Path, typer.Argument(help="CSV (also .gz) or Parquet file.", show_default=False)],
    schema: Annotated[
        Path,
        typer.Option(
            help="TOML file, see docs/schema.md: what the columns mean.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Directory of models; the version appears in OUT/NAME/VERSION.")
    ] = Path("models"),
    as_json: Json = False,
) -> None:
    """Train on a table, prove the exported model equal to the trained one and publish it as a new version."""
    # Here, because scikit-learn and onnxruntime take seconds to import and `inspect` needs neither.
    from ridgeline_export.export import export_model  # noqa: PLC0415 - reason above

    with told_errors(), _progress() as progress:
        path = export_model(
            table, schema, out, created=datetime.now(UTC).replace(microsecond=0), progress=progress
        )
    with told_errors():
        _print(read_card(path), as_json)


@app.command()
def inspect(
    version: Annotated[
        Path, typer.Argument(help="Version directory, such as models/techmart/1.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Show the model card of a version: what it predicts, how well, and what moves prices."""
    with told_errors():
        _print(read_card(version), as_json)


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Directory to write the files to.", show_default=False)],
    seed: Annotated[
        int | None, typer.Option(min=0, help="Same seed, same bytes; the example's own when left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the TechMart example: training table, schema, production month and the faults planted in it."""
    # As in `train`.
    from ridgeline_export.simulate import DEFAULT_SEED, write  # noqa: PLC0415
    from ridgeline_export.simulate.summary_view import show as show_summary  # noqa: PLC0415

    with told_errors():
        check_directory(out)
    with told_errors(), _progress() as progress:
        summary = write(out, DEFAULT_SEED if seed is None else seed, progress)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(summary), indent=2, default=str))
    else:
        show_summary(summary, Console(emoji=False))


app.command()(signing_commands.keygen)
app.command()(signing_commands.sign)
app.command()(signing_commands.verify)


def _print(card: Card, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(card.to_json(), indent=2, ensure_ascii=False))
    else:
        show(card, Console(emoji=False))


@contextmanager
def _progress() -> Iterator[reporting.Progress]:
    """Show one line: the stage under way and how far it is; it leaves when the work is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True) as bars:
        task = bars.add_task("starting", total=None)

        def report(stage: str, done: int, total: int) -> None:
            bars.update(task, description=stage, completed=done, total=total)

        yield report
