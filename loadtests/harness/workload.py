"""Requests for a load test: serialised before the run, so that sending them costs the generator little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.rows import DEFAULT_SHARES, Rows, RowSource, Shares
from ridgeline import missing
from ridgeline.coded import CodedCategories
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client.description import ModelDescription


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and the answer it must get.

    Attributes:
        data: the serialised message.
        row_count: rows it asks prices for.
        faults: the rows that must be refused, from 0, each with the reason; every other row must be priced.
    """

    data: bytes
    row_count: int
    faults: Mapping[int, Reason]


class Workload:
    """Requests for one model, the same for the same description, seed and shares.

    Rows are numbered, and all forms of a request hold the same rows under the same numbers. Every 50 rows
    hold one that must be refused; `harness.rows` says how rows are made.

    Args:
        description: what DescribeModel said. Requests name its model and leave the version to the server.
        seed: 0 or more; another seed, other rows.
        shares: of missing, unseen and out-of-range cells.
    """

    def __init__(self, description: ModelDescription, seed: int, shares: Shares = DEFAULT_SHARES) -> None:
        self.description = description
        self._source = RowSource(description, seed, shares)

    def rows(self, first: int, count: int) -> Rows:
        """Return `count` rows from number `first` on, as columns."""
        return self._source.rows(first, count)

    def unary(self, count: int, first: int = 0) -> list[Request]:
        """Return a PredictRequest for each of `count` rows. What is missing is absent."""
        rows = self.rows(first, count)
        requests = []
        for row, record in enumerate(_records(rows, count)):
            request = pb.PredictRequest(model=self.description.model.name, record=record)
            faults = {0: rows.faults[row]} if row in rows.faults else {}
            requests.append(Request(request.SerializeToString(), 1, faults))
        return requests

    def batch(self, first: int, row_count: int) -> Request:
        """Return a PredictBatchRequest of columns. Raises ValueError for more rows than the server takes."""
        rows = self._checked_rows(first, row_count)
        request = pb.PredictBatchRequest(model=self.description.model.name, columns=_columns(rows, row_count))
        return Request(request.SerializeToString(), row_count, rows.faults)

    def opening(self) -> bytes:
        """Return the first message of a stream, serialised."""
        opening = pb.StreamOpen(model=self.description.model.name)
        message: bytes = pb.PredictStreamRequest(open=opening).SerializeToString()
        return message

    def chunk(self, sequence: int, row_count: int) -> Request:
        """Return chunk number `sequence` of a stream of columns, whose first row is sequence * row_count.

        Raises:
            ValueError: more rows than the server takes.
        """
        rows = self._checked_rows(sequence * row_count, row_count)
        chunk = pb.Chunk(sequence=sequence, columns=_columns(rows, row_count))
        request = pb.PredictStreamRequest(chunk=chunk)
        return Request(request.SerializeToString(), row_count, rows.faults)

    def _checked_rows(self, first: int, row_count: int) -> Rows:
        most = self.description.limits.max_rows
        if not 1 <= row_count <= most:
            raise ValueError(f"{row_count:,} rows in a message: the server takes 1 to {most:,}")
        return self.rows(first, row_count)


def _columns(rows: Rows, count: int) -> pb.RecordBatch:
    batch = pb.RecordBatch(row_count=count)
    numeric = {name: column for name, column in rows.columns.items() if isinstance(column, np.ndarray)}
    if numeric:
        batch.numeric.names.extend(numeric)
        batch.numeric.double_values.values.extend(np.stack(list(numeric.values()), axis=1).ravel().tolist())
    for name, column in rows.columns.items():
        if isinstance(column, CodedCategories):
            batch.categorical.add(name=name, dictionary=column.texts, codes=column.codes.tolist())
    return batch


def _records(rows: Rows, count: int) -> list[pb.Record]:
    records = [pb.Record() for _ in range(count)]
    for name, column in rows.columns.items():
        if isinstance(column, CodedCategories):
            _set(records, "categorical", name, column.values(), column.values() != missing.MISSING_CATEGORY)
        else:
            _set(records, "numeric", name, column, ~np.isnan(column))
    return records


def _set(records: list[pb.Record], kind: str, name: str, values: Any, present: Any) -> None:
    listed = values.tolist()
    for row in np.flatnonzero(present).tolist():
        getattr(records[row], kind)[name] = listed[row]
