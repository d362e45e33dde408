"""A stream is its rows: whatever the chunks, their form, order of columns, precision and missing cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import ChunkResult, InvalidInput, PricingClient
from ridgeline_server.app import App
from support.singles import PRICES, TEXTS, Answer, bits, refusal, rows, single, tables
from support.toys import CATEGORICAL, FEATURES, NUMERIC
from support.wire import TIMEOUT, Wire, connect

OPEN = pb.PredictStreamRequest(open=pb.StreamOpen())


@pytest.fixture(scope="module")
def wire(toy_server: App) -> Iterator[Wire]:
    with connect(toy_server.address) as wire:
        yield wire


Case = tuple[list[pb.Record], pb.Chunk]


@st.composite
def chunks(draw: st.DrawFn) -> Case:
    """Up to four records, and the chunk that asks for them in a drawn form."""
    form = draw(st.sampled_from(["rows", "doubles", "floats"]))
    records = draw(tables(32 if form == "floats" else 64, fewest=0, most=4))
    if form == "rows":
        return records, pb.Chunk(rows=pb.Records(records=records))
    used = {name for r in records for name in (*r.numeric, *r.categorical)}
    sent = draw(st.permutations(sorted(used | draw(st.sets(st.sampled_from(FEATURES), min_size=1)))))
    batch = pb.RecordBatch(row_count=len(records))
    if names := [name for name in sent if name in NUMERIC]:
        batch.numeric.names.extend(names)
        values = [r.numeric.get(name, math.nan) for r in records for name in names]
        matrix = batch.numeric.float_values if form == "floats" else batch.numeric.double_values
        matrix.SetInParent()
        matrix.values.extend(values)
    for name in [name for name in sent if name in CATEGORICAL]:
        batch.categorical.append(draw(coded(name, [r.categorical.get(name, "") for r in records])))
    return records, pb.Chunk(columns=batch)


@st.composite
def coded(draw: st.DrawFn, name: str, values: Sequence[str]) -> pb.CategoricalColumn:
    """A column whose dictionary has a drawn order; a missing value is code 0 or the empty text in it."""
    dictionary = draw(st.permutations(sorted(set(values))))
    codes = [dictionary.index(value) + 1 if value or draw(st.booleans()) else 0 for value in values]
    return pb.CategoricalColumn(name=name, dictionary=dictionary, codes=codes)


@settings(max_examples=100, deadline=None)
@given(cases=st.lists(chunks(), max_size=6), step=st.integers(1, 1 << 40))
def test_chunks_are_answered_bit_for_bit_like_single_calls(wire: Wire, cases: list[Case], step: int) -> None:
    messages = [OPEN]
    for place, (_, chunk) in enumerate(cases):
        numbered = pb.Chunk(sequence=place * step)
        numbered.MergeFrom(chunk)
        messages.append(pb.PredictStreamRequest(chunk=numbered))
    _, *answers = wire.stub.PredictStream(iter(messages), timeout=TIMEOUT)
    assert [answer.result.sequence for answer in answers] == [place * step for place in range(len(cases))]
    assert all(answer.result.WhichOneof("outcome") == "predictions" for answer in answers)
    streamed = [rows(answer.result.predictions) for answer in answers]
    assert streamed == [[single(wire, record) for record in records] for records, _ in cases]


Precision = Literal["float64", "float32"]
MISSING = [None, math.nan, "", "n/a"]
"""Every way to leave a cell out, the missing token of the toys included."""


@dataclass(frozen=True)
class Job:
    """A caller's tables and how it sends them."""

    tables: list[Mapping[str, list[Any]]]
    as_frames: bool
    dtype: Precision
    window: int

    def sent(self) -> Iterator[Any]:
        """The tables as the client is given them."""
        for table in self.tables:
            yield pd.DataFrame(table, dtype=object) if self.as_frames else table

    def records(self) -> list[list[dict[str, Any]]]:
        """The rows of each table, one by one, numbers in the precision in which the stream sends them."""
        found = []
        for table in self.tables:
            names = list(table)
            cells = zip(*table.values(), strict=True)
            found.append([{n: self._cell(n, v) for n, v in zip(names, row, strict=True)} for row in cells])
        return found

    def _cell(self, name: str, value: Any) -> Any:
        if self.dtype == "float64" or name in CATEGORICAL or value in MISSING:
            return value
        return float(np.float32(value))


NUMBERS = st.one_of(
    st.floats(0.125, 64),
    st.integers(0, 64),
    st.floats(0.125, 64).map(repr),
    st.floats(-1e30, 1e30),
    st.sampled_from([math.inf, -math.inf]),
    st.sampled_from(MISSING),
)
CATEGORIES = st.one_of(
    TEXTS, st.sampled_from([1, True, "True", 7, 7.0, "7.0", np.float32(7), 0.5]), st.sampled_from(MISSING)
)


@st.composite
def callers_tables(draw: st.DrawFn) -> Mapping[str, list[Any]]:
    """Up to four rows of some of the features, in any order."""
    row_count = draw(st.integers(0, 4))
    names = draw(st.lists(st.sampled_from(FEATURES), unique=True, min_size=1))
    cells = {name: NUMBERS if name in NUMERIC else CATEGORIES for name in names}
    return {name: draw(st.lists(cells[name], min_size=row_count, max_size=row_count)) for name in names}


JOBS = st.builds(
    Job,
    tables=st.lists(callers_tables(), max_size=6),
    as_frames=st.booleans(),
    dtype=st.sampled_from(["float64", "float32"]),
    window=st.integers(1, 8),
)


def alone(client: PricingClient, record: Mapping[str, Any]) -> Answer:
    """What the client answers to one record."""
    try:
        got = client.predict(record)
    except InvalidInput as error:
        return refusal([violation.reason for violation in error.violations])
    return bits(*(getattr(got, field) for field in PRICES)), got.flags, []


def streamed(result: ChunkResult) -> list[Answer]:
    """What the client answers to every row of a chunk."""
    batch = result.predictions
    assert batch is not None, result.error
    assert result.row_count == len(batch)
    reasons: list[list[str]] = [[] for _ in range(len(batch))]
    for error in batch.row_errors:
        reasons[error.row].append(error.reason)
    four = zip(*(getattr(batch, field) for field in PRICES), strict=True)
    return [
        (bits(*prices), int(flags), sorted(why))
        for prices, flags, why in zip(four, batch.flags, reasons, strict=True)
    ]


@settings(max_examples=100, deadline=None)
@given(job=JOBS)
@example(job=Job([{"port_code": [1, True, 1.0, "1"]}], as_frames=False, dtype="float64", window=1))
def test_a_callers_tables_are_answered_bit_for_bit_like_its_single_calls(
    toy_client: PricingClient, job: Job
) -> None:
    results = list(toy_client.predict_stream(job.sent(), window=job.window, dtype=job.dtype))
    assert [result.sequence for result in results] == list(range(len(job.tables)))
    expected = [[alone(toy_client, record) for record in table] for table in job.records()]
    assert [streamed(result) for result in results] == expected
