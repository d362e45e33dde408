"""Every door of the server, asked for the prices of one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline.v1.pricing_service_pb2_grpc import PricingServiceStub
from ridgeline_client import PricingClient

CALLERS = 8
MAX_RECORDS, MAX_ROWS = 1_000, 10_000


@dataclass(frozen=True)
class Answers:
    """What was answered, row by row."""

    price: npt.NDArray[np.float64]
    model_price: npt.NDArray[np.float64]
    flags: npt.NDArray[np.int32]

    def has(self, kind: pb.NoticeKind) -> npt.NDArray[np.bool_]:
        """Which rows carry a notice of this kind, bool[n]."""
        return (self.flags & bit(kind)).astype(np.bool_)

    def __getitem__(self, rows: slice | npt.NDArray[np.bool_ | np.int64]) -> Answers:
        return Answers(self.price[rows], self.model_price[rows], self.flags[rows])


def bit(kind: pb.NoticeKind) -> int:
    """The bit of a kind in the `flags` fields."""
    return 1 << (kind - 1)


def records(frame: pd.DataFrame, numeric: Sequence[str], categorical: Sequence[str]) -> list[pb.Record]:
    """One record per row; missing cells are left out."""
    found = [pb.Record() for _ in range(len(frame))]
    matrix = frame[list(numeric)].to_numpy(dtype=np.float64)
    for record, row in zip(found, matrix.tolist(), strict=True):
        record.numeric.update(
            {name: value for name, value in zip(numeric, row, strict=True) if value == value}
        )
    for name in categorical:
        column = frame[name].astype(object).where(frame[name].notna(), None)
        for record, text in zip(found, column, strict=True):
            if text is not None:
                record.categorical[name] = text
    return found


def by_predict(stub: PricingServiceStub, rows: Sequence[pb.Record]) -> Answers:
    """Ask for one price at a time, from a few threads."""

    def ask(record: pb.Record) -> pb.Prediction:
        response: pb.PredictResponse = stub.Predict(pb.PredictRequest(record=record), timeout=30)
        return response.prediction

    with ThreadPoolExecutor(CALLERS) as callers:
        predictions = list(callers.map(ask, rows))
    return Answers(
        np.array([p.price for p in predictions]),
        np.array([p.model_price for p in predictions]),
        np.array([p.flags for p in predictions], dtype=np.int32),
    )


def by_client(client: PricingClient, frame: pd.DataFrame) -> Answers:
    """Ask for one price at a time through the client library, cells as pandas has them."""
    columns = [frame[name] for name in frame.columns]
    rows = (dict(zip(frame.columns, row, strict=True)) for row in zip(*columns, strict=True))
    predictions = [client.predict(row) for row in rows]
    return Answers(
        np.array([p.price for p in predictions]),
        np.array([p.model_price for p in predictions]),
        np.array([p.flags for p in predictions], dtype=np.int32),
    )


def by_rows(stub: PricingServiceStub, rows: Sequence[pb.Record]) -> Answers:
    """Ask for batches of records."""
    parts = []
    for start in range(0, len(rows), MAX_RECORDS):
        part = pb.Records(records=rows[start : start + MAX_RECORDS])
        parts.append(stub.PredictBatch(pb.PredictBatchRequest(rows=part), timeout=30).predictions)
    return joined(parts)


def by_columns(client: PricingClient, frame: pd.DataFrame) -> Answers:
    """Ask for batches in columns, as the client library sends a DataFrame."""
    parts = [
        client.predict_batch(frame[start : start + MAX_ROWS]) for start in range(0, len(frame), MAX_ROWS)
    ]
    return Answers(
        np.concatenate([part.price for part in parts]),
        np.concatenate([part.model_price for part in parts]),
        np.concatenate([part.flags for part in parts]),
    )


def joined(parts: Iterable[pb.PredictionBatch]) -> Answers:
    """The answers of several batches, one after another."""
    batches = list(parts)
    return Answers(
        np.concatenate([np.array(batch.price, dtype=np.float64) for batch in batches]),
        np.concatenate([np.array(batch.model_price, dtype=np.float64) for batch in batches]),
        np.concatenate([np.array(batch.flags, dtype=np.int32) for batch in batches]),
    )


def worst_error(found: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> float:
    """The largest |found - expected| / max(1, |expected|); infinite when a price is not a number."""
    errors = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    return float(np.where(np.isnan(errors), np.inf, errors).max())
