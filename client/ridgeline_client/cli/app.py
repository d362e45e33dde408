"""The `ridgeline` command: predict, score, describe, health."""

from __future__ import annotations

import dataclasses
import sys
from typing import Annotated

import typer
from rich.text import Text

from ridgeline import __version__
from ridgeline_client.cli import options, output, record, render
from ridgeline_client.cli.failures import EXIT_CODES, UNAVAILABLE, WRONG_INPUT
from ridgeline_client.cli.tls import takes_tls
from ridgeline_client.description import ModelDescription
from ridgeline_client.health import SERVICE_UNKNOWN
from ridgeline_client.tls import Tls

app = typer.Typer(
    help="Ask a Ridgeline price server for prices.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ridgeline {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Ask a Ridgeline price server for prices."""


@app.command(epilog=EXIT_CODES)
@takes_tls
def predict(  # noqa: PLR0913, PLR0917 - one parameter per command line option
    pairs: Annotated[
        list[str] | None,
        typer.Argument(metavar="FEATURE=VALUE", help="The product, feature by feature."),
    ] = None,
    json_record: Annotated[
        str | None,
        typer.Option("--json-record", metavar="FILE|-|{...}", help="The product as a JSON object."),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Make up a plausible product.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Also say what each feature adds.")] = False,
    record_id: Annotated[str, typer.Option("--record-id", help="Your name for the product.")] = "",
    unknown_features: Annotated[
        options.Unknown, typer.Option("--unknown-features", help="Features the model does not know.")
    ] = options.Unknown.REJECT,
    model: options.Model = "",
    version: options.Version = None,
    label: options.Label = None,
    digest: options.Digest = None,
    target: options.Target = options.TARGET_DEFAULT,
    timeout: options.Timeout = options.TIMEOUT_DEFAULT,
    token_file: options.TokenFile = None,
    plaintext_token: options.PlaintextToken = False,
    as_json: options.AsJson = False,
    *,
    tls: Tls | None,
) -> None:
    """Price one product.

    FEATURE=VALUE overrides --json-record, and both override --demo. A feature that is left out is missing.
    """
    chosen = dataclasses.asdict(options.selection(model, version, label, digest))
    given = _given(pairs or [], json_record, demo=demo)
    connection = options.Connection(target, timeout, tls, token_file, plaintext_token)
    with options.client(connection, as_json=as_json) as client:
        description = client.describe(**chosen)
        asked = {**(record.demo(description) if demo else {}), **given}
        answer = client.predict(
            asked,
            **chosen,
            record_id=record_id,
            explain=explain,
            unknown_features=unknown_features.value,
        )
    if as_json:
        typer.echo(output.to_json(answer, **({"demo_record": asked} if demo else {})))
        return
    if demo:
        render.show(Text(_demo_note(description, given)))
    render.show(render.prediction(answer, description.interval.level))


def _given(pairs: list[str], json_record: str | None, *, demo: bool) -> dict[str, object]:
    if not pairs and json_record is None and not demo:
        raise typer.BadParameter("no product given: name it as FEATURE=VALUE, or use --json-record or --demo")
    try:
        from_json = record.from_json(json_record, sys.stdin) if json_record is not None else {}
        return {**from_json, **record.from_pairs(pairs)}
    except record.BadRecord as error:
        raise typer.BadParameter(str(error)) from None


def _demo_note(description: ModelDescription, given: dict[str, object]) -> str:
    changed = f", but {', '.join(given)} as given" if given else ""
    return (
        f"A made-up product: midpoints of the training ranges and the most frequent categories of "
        f"{description.model.name}, the least important number left out{changed}. --json shows it."
    )


@app.command(epilog=EXIT_CODES)
@takes_tls
def score(  # noqa: PLR0913, PLR0917 - one parameter per command line option
    source: Annotated[
        str, typer.Argument(metavar="IN", help="CSV or Parquet, also compressed; - for a pipe.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help=".csv, .csv.gz, .csv.zst or .parquet; - for a CSV in a pipe.")
    ],
    record_id: Annotated[
        str | None,
        typer.Option("--id", metavar="COLUMN", help='Names the rows; else "record_id", or 1, 2, ...'),
    ] = None,
    keep_columns: Annotated[bool, typer.Option("--keep-columns", help="Carry all columns along.")] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Price without the features the table lacks.")
    ] = False,
    streams: Annotated[int, typer.Option("--streams", min=1, max=64, help="Streams at a time.")] = 1,
    accept_new_model: Annotated[
        bool,
        typer.Option("--accept-new-model", help="Go on with another version when the first one is gone."),
    ] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Forget what an earlier run has done.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it is there.")] = False,
    model: options.Model = "",
    version: options.Version = None,
    label: options.Label = None,
    digest: options.Digest = None,
    server: options.Target = options.TARGET_DEFAULT,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="Longest wait without any answer.")
    ] = 60.0,
    token_file: options.TokenFile = None,
    plaintext_token: options.PlaintextToken = False,
    as_json: options.AsJson = False,
    *,
    tls: Tls | None,
) -> None:
    """Price a table of any size: one row out per row in, in order.

    A run that was broken off goes on when the same command is given again; OUT appears when it is complete.
    """
    # pyarrow is needed here alone, and takes as long to import as the rest together
    from ridgeline_client.cli import score as command  # noqa: PLC0415

    command.run(
        source,
        target,
        options.Connection(server, timeout, tls, token_file, plaintext_token).open,
        command.JobOptions(
            columns=command.ColumnOptions(record_id, keep_columns, allow_missing),
            selection=options.selection(model, version, label, digest),
            streams=streams,
            progress_timeout=timeout,
            accept_new_model=accept_new_model,
            restart=restart,
            overwrite=overwrite,
        ),
        as_json=as_json,
    )


@app.command(epilog=EXIT_CODES)
@takes_tls
def describe(  # noqa: PLR0913, PLR0917 - one parameter per command line option
    full: Annotated[bool, typer.Option("--full", help="Also coefficients and the training profile.")] = False,
    model: options.Model = "",
    version: options.Version = None,
    label: options.Label = None,
    digest: options.Digest = None,
    target: options.Target = options.TARGET_DEFAULT,
    timeout: options.Timeout = options.TIMEOUT_DEFAULT,
    token_file: options.TokenFile = None,
    plaintext_token: options.PlaintextToken = False,
    as_json: options.AsJson = False,
    *,
    tls: Tls | None,
) -> None:
    """Say what a model expects and promises. Required features are marked with *."""
    chosen = dataclasses.asdict(options.selection(model, version, label, digest))
    connection = options.Connection(target, timeout, tls, token_file, plaintext_token)
    with options.client(connection, as_json=as_json) as client:
        description = client.describe(**chosen, full=full)
    if as_json:
        typer.echo(output.to_json(description))
    else:
        render.show(render.description(description))


@app.command(epilog=EXIT_CODES)
@takes_tls
def health(  # noqa: PLR0913 - one parameter per command line option
    service: Annotated[str, typer.Option("--service", help="A service; else the whole server.")] = "",
    target: options.Target = options.TARGET_DEFAULT,
    timeout: options.Timeout = options.TIMEOUT_DEFAULT,
    token_file: options.TokenFile = None,
    plaintext_token: options.PlaintextToken = False,
    as_json: options.AsJson = False,
    *,
    tls: Tls | None,
) -> None:
    """Say whether the server is serving; exit code 0 only when it is."""
    connection = options.Connection(target, timeout, tls, token_file, plaintext_token)
    with options.client(connection, as_json=as_json) as client:
        status = client.health(service)
    if as_json:
        typer.echo(output.to_json({"target": target, "service": service, "status": status}))
    else:
        typer.echo(f"{target}: {status}")
    if status != "SERVING":
        raise typer.Exit(WRONG_INPUT if status == SERVICE_UNKNOWN else UNAVAILABLE)
