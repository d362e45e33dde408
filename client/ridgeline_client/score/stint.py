"""What one version prices of a job: from the last step that was kept, to the end or until it is gone."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from ridgeline.reasons import Reason
from ridgeline.table_blocks import BlockReader, open_blocks
from ridgeline_client.client import PricingClient
from ridgeline_client.description import ModelDescription
from ridgeline_client.errors import ModelNotFound, PreconditionFailed
from ridgeline_client.options import StreamOptions
from ridgeline_client.results import PredictionBatch
from ridgeline_client.schema import Selection
from ridgeline_client.score.columns import ColumnPlan, plan_columns
from ridgeline_client.score.errors import ModelChanged, WrongTable
from ridgeline_client.score.options import JobOptions, Watcher
from ridgeline_client.score.outputs import STEP_ROWS, Output
from ridgeline_client.score.pool import StreamPool
from ridgeline_client.score.prepare import chunks
from ridgeline_client.score.progress import Input, Progress, Stint
from ridgeline_client.score.rows import Arrays, RowMaker, ScoredRows, output_schema

LARGEST_CHUNK = 5_000
"""Rows."""
_BYTES_PER_CATEGORY = 16
_WINDOW = 4
_LEAVE_PIPE_S = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows come from and go to.

    Attributes:
        keep: is given the progress whenever a step is written.
        options: what the output depends on beside input and model.
    """

    source: Path | BinaryIO
    output: Output
    keep: Callable[[Progress], None]
    options: dict[str, Any]


class StintRun:
    """One version's part of a job."""

    def __init__(self, place: Place, options: JobOptions, watcher: Watcher) -> None:
        self._place = place
        self._options = options
        self._watcher = watcher
        self._step: list[ScoredRows] = []

    def run(self, state: Progress | None, connect: Callable[[], PricingClient], *, pinned: bool) -> Progress:
        """Price all rows that are left.

        Args:
            state: what is done; None: nothing.
            connect: opens a client.
            pinned: the version of `state` must price on; else the one that is served now.

        Raises:
            ModelChanged: the version is not served any more.
            Others as `Job.run`.
        """
        with ExitStack() as stack:
            clients = [stack.enter_context(connect()) for _ in range(self._options.streams + 1)]
            model = self._model(clients[0], state if pinned else None)
            for client in clients:  # it knows the version from now on, even if the server is away later
                client.describe(model.model.name, digest=model.model.digest)
            reader = stack.enter_context(
                open_blocks(self._place.source, [feature.name for feature in model.features])
            )
            plan = _plan(reader, model, self._options, self._place.source)
            state = _begun(state, reader, self._place.options)
            state = _with_stint(state, model)
            length = self._place.output.begin(output_schema(plan, model.currency), state.length)
            state = dataclasses.replace(state, length=length)
            self._watcher.begun(model, plan, reader, state.rows)
            try:
                state = self._priced(_Parts(clients[0], clients[1:], model, reader, plan), state)
            except (PreconditionFailed, ModelNotFound) as error:
                raise _changed(error, state) from error
        state = dataclasses.replace(state, finished=True)
        self._place.keep(state)
        return state

    def _model(self, client: PricingClient, state: Progress | None) -> ModelDescription:
        if state is None:
            return client.describe(**dataclasses.asdict(self._options.selection))
        last = state.stints[-1]
        try:
            return client.describe(last.model, digest=last.digest)
        except (PreconditionFailed, ModelNotFound) as error:
            raise _changed(error, state) from error

    def _priced(self, parts: _Parts, state: Progress) -> Progress:
        options = StreamOptions(
            selection=parts.pin,
            window=_WINDOW,
            progress_timeout=self._options.progress_timeout,
            job_id=state.job_id,
        )
        plan = parts.plan
        blocks = parts.reader.blocks(plan.wanted, _chunk_rows(parts.model), state.rows, plan.plain_numbers)
        read = chunks(blocks, parts.plan, self._place.output.text_only)
        maker = RowMaker(parts.asking(options), parts.model.currency, parts.mark)
        leave_s = None if isinstance(self._place.source, Path) else _LEAVE_PIPE_S
        with closing(StreamPool(parts.clients, options, read, leave_s).results()) as results:
            for chunk, result in results:
                self._step.append(maker.rows(chunk, result))
                self._watcher.advanced(chunk.first_row + chunk.row_count, chunk.consumed.size)
                if sum(rows.chunk.row_count for rows in self._step) >= self._place.output.step_rows:
                    state = self._committed(state, parts.reader.first_row_number)
        return self._committed(state, parts.reader.first_row_number) if self._step else state

    def _committed(self, state: Progress, first_row_number: int) -> Progress:
        """Write a step, then keep that it is written."""
        table = pa.concat_tables([rows.table for rows in self._step])
        consumed = self._step[-1].chunk.consumed
        counts = state.counts
        for rows in self._step:
            counts = counts.plus(rows, first_row_number)
        self._step.clear()
        state = dataclasses.replace(
            state,
            rows=state.rows + table.num_rows,
            length=self._place.output.commit(table),
            counts=counts,
            input=Input(state.input.size, consumed.size, consumed.sha256),
        )
        self._place.keep(state)
        return state


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a version prices with."""

    asker: PricingClient
    clients: Sequence[PricingClient]
    model: ModelDescription
    reader: BlockReader
    plan: ColumnPlan

    @property
    def pin(self) -> Selection:
        """This version and no other."""
        return Selection(self.model.model.name, digest=self.model.model.digest)

    @property
    def mark(self) -> str:
        """What the column `model` says."""
        return f"{self.model.model.version}-{self.model.model.digest[:12]}"

    def asking(self, options: StreamOptions) -> Callable[[Arrays], PredictionBatch]:
        """Return what prices some rows anew; raises RidgelineError."""
        once = dataclasses.replace(options, job_id="")

        def ask(columns: Arrays) -> PredictionBatch:
            (result,) = self.asker.predict_numbered([(0, columns)], once)
            return result.answer()

        return ask


def _plan(
    reader: BlockReader, model: ModelDescription, options: JobOptions, source: Path | BinaryIO
) -> ColumnPlan:
    try:
        return plan_columns(reader.names, model, options.columns)
    except WrongTable as error:
        name = source if isinstance(source, Path) else "standard input"
        raise WrongTable(f"{name} is not what {model.model.name} needs:\n{error}") from None


def _begun(state: Progress | None, reader: BlockReader, options: dict[str, Any]) -> Progress:
    return state or Progress(uuid.uuid4().hex, Input(reader.size or 0), options, ())


def _with_stint(state: Progress, model: ModelDescription) -> Progress:
    ref = model.model
    if state.stints and state.stints[-1].digest == ref.digest:
        return state
    stint = Stint(ref.name, ref.version, ref.digest, state.rows)
    return dataclasses.replace(state, stints=(*state.stints, stint))


def _changed(error: PreconditionFailed | ModelNotFound, state: Progress) -> Exception:
    """Return what a refusal means to a job that is pinned to a version."""
    if isinstance(error, PreconditionFailed) and error.reason != Reason.DIGEST_NOT_SERVED:
        return error
    last = state.stints[-1]
    return ModelChanged(
        f"{last.model} version {last.version} (digest {last.digest[:12]}), which priced the first "
        f"{state.rows:,} rows, is not served any more: serve it again and run the same command, go on "
        "with the version that is served now (--accept-new-model), or begin anew (--restart)"
    )


def _chunk_rows(model: ModelDescription) -> int:
    """Rows of a chunk: they make up a step, and half fill a message at most."""
    numbers = sum(feature.kind == "numeric" for feature in model.features)
    width = 8 * numbers + _BYTES_PER_CATEGORY * (len(model.features) - numbers)
    limits = model.limits  # 0: the server does not say
    fitting = min(LARGEST_CHUNK, limits.max_rows or LARGEST_CHUNK)
    if limits.max_message_bytes:
        fitting = min(fitting, limits.max_message_bytes // (2 * width))
    return next(
        (STEP_ROWS // n for n in range(1, STEP_ROWS) if STEP_ROWS % n == 0 and STEP_ROWS // n <= fitting), 1
    )
