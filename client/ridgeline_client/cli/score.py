"""`ridgeline score`: what the command makes of its arguments, and how it ends."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import BinaryIO, NoReturn

import typer

from ridgeline.tables import TableError
from ridgeline_client.cli import failures, score_view
from ridgeline_client.client import PricingClient
from ridgeline_client.errors import RidgelineError
from ridgeline_client.score.columns import ColumnOptions
from ridgeline_client.score.errors import JobFailed, ModelChanged, ScoreError
from ridgeline_client.score.job import Job
from ridgeline_client.score.options import JobOptions
from ridgeline_client.tls import Tls

__all__ = ["ColumnOptions", "JobOptions", "connector", "run"]

STANDARD = "-"
_EXIT_BY_SIGNAL = 128
_STDIN = 0


def run(source: str, target: str, connect: score_view.Connect, options: JobOptions, *, as_json: bool) -> None:
    """Score a table and say how it went; exits with the codes of `failures`."""
    view = score_view.View(source, target)
    with _signals(source, target), _told(as_json=as_json), view:
        report = Job(_opened_input(source), _opened_output(target), connect, options, view).run()
    view.say(report, as_json=as_json)
    if report.progress.rows and not report.progress.counts.priced:
        raise typer.Exit(failures.WRONG_INPUT)


class _Pipe(io.FileIO):
    """A pipe without the buffer's lock: a thread that still waits for bytes would hold it at the end."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the end of the pipe."""
        parts = bytearray()
        while piece := super().read((size or 0) - len(parts)):
            parts += piece
        return bytes(parts)


def _opened_input(source: str) -> Path | BinaryIO:
    path = Path(source)
    try:
        if source == STANDARD:
            return _Pipe(_STDIN, closefd=False)
        return _Pipe(path) if path.exists() and not (path.is_file() or path.is_dir()) else path
    except OSError as error:
        raise TableError(f"{source} cannot be read ({error})") from None


def _opened_output(target: str) -> Path | BinaryIO:
    return sys.stdout.buffer if target == STANDARD else Path(target)


@contextmanager
def _told(*, as_json: bool) -> Iterator[None]:
    """Say what ended the job, and exit."""
    try:
        yield
    except BrokenPipeError:
        raise typer.Exit(failures.FAILURE) from None
    except RidgelineError as error:
        failures.report(error, as_json=as_json)
        raise typer.Exit(failures.exit_code(error)) from None
    except (ScoreError, TableError) as error:
        failures.report(error, as_json=as_json)
        raise typer.Exit(_code(error)) from None
    except OSError as error:
        failures.report(JobFailed(f"cannot write the output: {error}"), as_json=as_json)
        raise typer.Exit(failures.FAILURE) from None


def _code(error: ScoreError | TableError) -> int:
    if isinstance(error, ModelChanged):
        return failures.NO_PRICE
    return failures.FAILURE if isinstance(error, JobFailed) else failures.WRONG_INPUT


class _Stopped(BaseException):
    """A signal asked the command to stop."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    raise _Stopped(number)


@contextmanager
def _signals(source: str, target: str) -> Iterator[None]:
    """End in order when told to: what is written stays, and the same command goes on."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, _stop) for number in numbers]
    try:
        yield
    except _Stopped as stopped:
        kept = STANDARD not in (source, target) and Path(source).is_file()
        again = ": the same command goes on where it was" if kept else ""
        typer.echo(f"stopped by {signal.Signals(stopped.number).name}{again}", err=True)
        raise typer.Exit(_EXIT_BY_SIGNAL + stopped.number) from None
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def connector(target: str, timeout: float, tls: Tls | None) -> score_view.Connect:
    """Return what opens a client of the servers at `target`; a usage error when that is no address."""

    def connect() -> PricingClient:
        try:
            return PricingClient(target, timeout=timeout, tls=tls)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return connect
