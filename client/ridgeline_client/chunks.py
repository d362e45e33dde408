"""From a caller's tables to the messages of a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ridgeline import packed
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client.calls import joined
from ridgeline_client.errors import InvalidInput, RidgelineError, Violation
from ridgeline_client.schema import Schema
from ridgeline_client.table import Columns, Precision, Table

Numbered = tuple[int, Columns]
"""A table and its number in the stream: strictly increasing, 0 or more."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A chunk on its way: the message, or why it cannot be sent."""

    sequence: int
    row_count: int
    message: bytes | None
    error: RidgelineError | None = None


class Packer:
    """Packs tables for one schema. `limit` in bytes."""

    def __init__(self, schema: Schema, limit: int, dtype: Precision) -> None:
        self._schema = schema
        self._limit = limit
        self._dtype = dtype

    def packed(self, chunks: Iterable[Numbered | None]) -> Iterator[Packed | None]:
        """Pack each table when it is asked for; one that cannot be sent says why. Raises TypeError.

        None stays None: nothing is ready, and what is under way need not wait for it.
        """
        for numbered in chunks:
            if numbered is None:
                yield None
                continue
            sequence, columns = numbered
            table = Table(columns)
            try:
                message = self._message(sequence, table)
            except RidgelineError as error:
                yield Packed(sequence, table.row_count, None, error)
            else:
                yield Packed(sequence, table.row_count, message)

    def _message(self, sequence: int, table: Table) -> bytes:
        check_row_count(table.row_count, self._schema)
        batch = table.batch(self._schema, self._dtype)
        columns = packed.message(pb.Chunk.COLUMNS_FIELD_NUMBER, batch.parts(table.row_count))
        chunk = [pb.Chunk(sequence=sequence).SerializeToString(), *columns]
        request = packed.message(pb.PredictStreamRequest.CHUNK_FIELD_NUMBER, chunk)
        return joined(request, self._limit, table.row_count)


def check_row_count(row_count: int, schema: Schema) -> None:
    """Raise InvalidInput when the server would refuse so many rows."""
    if 0 < schema.max_rows < row_count:
        limit = f"the server takes {schema.max_rows:,} in one batch"
        problem = f"{row_count:,} rows, {limit}: send fewer at a time"
        violation = Violation("columns.row_count", "", None, Reason.ROW_LIMIT_EXCEEDED, problem)
        raise InvalidInput.listing([violation])
