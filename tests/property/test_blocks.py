"""A batch that is priced in blocks is answered as one that is not, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from ridgeline_server.engine import blocks
from support.gate import before_each_run
from support.singles import column_batches
from support.wire import Wire, batch_request, connect, record

ROWS = 2_500


@pytest.fixture(scope="module")
def wire(toy_server: App) -> Iterator[Wire]:
    with connect(toy_server.address) as wire:
        yield wire


def answer(wire: Wire, request: pb.PredictBatchRequest, block: int) -> bytes:
    """What a server says that prices `block` rows at a time."""
    request.notice_bitmaps = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_ROWS", block)
        return wire.predict_batch(request).predictions.SerializeToString(deterministic=True)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=column_batches(64, most=12))
def test_blocks_change_nothing(wire: Wire, case: tuple[list[pb.Record], pb.PredictBatchRequest]) -> None:
    _, request = case
    assert answer(wire, request, 3) == answer(wire, request, 1_000_000)


def test_of_very_many_violations_the_same_ones_are_listed(wire: Wire) -> None:
    products = [record(ram=-1.0 - n if n % 2 else 8.0) for n in range(ROWS)]
    request = batch_request("columns", products)
    whole = answer(wire, request, 1_000_000)
    assert answer(wire, request, 700) == whole
    assert len(pb.PredictionBatch.FromString(whole).row_errors) == 1_000


def test_a_large_batch_is_priced_in_blocks_and_a_long_dictionary_is_read_once(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 1_000)
    runs: list[None] = []
    before_each_run(monkeypatch, lambda: runs.append(None))
    wire.predict_batch(batch_request("columns", [record()] * ROWS))
    assert len(runs) == 3
    runs.clear()
    wire.predict_batch(batch_request("columns", [record(brand=f"brand {n}") for n in range(ROWS)]))
    assert len(runs) == 1
