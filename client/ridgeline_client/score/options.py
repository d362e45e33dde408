"""How a job is run, and who is told how it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ridgeline.table_blocks import BlockReader
from ridgeline_client.description import ModelDescription
from ridgeline_client.schema import Selection
from ridgeline_client.score.columns import ColumnOptions, ColumnPlan


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How a job is run.

    Attributes:
        columns: what is read and carried along.
        selection: which version prices.
        streams: streams at a time.
        progress_timeout: seconds without an answer before the job stops.
        accept_new_model: go on with another version when the first one is gone.
        restart: forget what an earlier attempt has done.
        overwrite: replace an output that is there.
    """

    columns: ColumnOptions = field(default_factory=ColumnOptions)
    selection: Selection = field(default_factory=Selection)
    streams: int = 1
    progress_timeout: float = 60.0
    accept_new_model: bool = False
    restart: bool = False
    overwrite: bool = False


class Watcher(Protocol):
    """Is told how a job goes."""

    def begun(self, model: ModelDescription, plan: ColumnPlan, reader: BlockReader, rows: int) -> None:
        """A version starts to price; `rows` are done already."""

    def advanced(self, rows: int, consumed: int) -> None:
        """So many rows are answered in all; so many bytes of the input were read for them."""
