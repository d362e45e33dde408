"""`predict_stream` against real servers that drain, vanish, stall and come back."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ridgeline_client import (
    ChunkResult,
    InvalidInput,
    MessageTooLarge,
    ModelNotFound,
    PredictionBatch,
    PricingClient,
    RidgelineError,
    Unavailable,
)
from ridgeline_server.app import App
from support import toys
from support.gate import Gate
from support.servers import new_app, serving

FRAME = toys.table()[list(toys.FEATURES)]
ROWS = 25


def chunks(rows: int = ROWS) -> Iterator[Any]:
    for start in range(0, len(FRAME), rows):
        yield FRAME.iloc[start : start + rows]


def priced(result: ChunkResult) -> PredictionBatch:
    assert result.predictions is not None, result.error
    return result.predictions


def prices(results: Iterable[ChunkResult]) -> list[float]:
    found: list[float] = []
    for sequence, result in enumerate(results):
        assert result.sequence == sequence
        found.extend(priced(result).price)
    return found


@pytest.fixture(scope="module")
def expected(toy_client: PricingClient) -> list[float]:
    return list(toy_client.predict_batch(FRAME).price)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(monkeypatch)
    yield gate
    gate.open()


@pytest.mark.parametrize("rows", [1, 7, 600, 1_000])
@pytest.mark.parametrize("window", [1, 8])
def test_any_chunking_gives_the_prices_of_a_batch(
    toy_client: PricingClient, expected: list[float], rows: int, window: int
) -> None:
    assert prices(toy_client.predict_stream(chunks(rows), window=window)) == expected


def test_no_chunks_are_a_good_stream(toy_client: PricingClient) -> None:
    assert list(toy_client.predict_stream([])) == []


def test_a_result_has_all_that_a_batch_has(toy_client: PricingClient) -> None:
    (result,) = toy_client.predict_stream([FRAME.head(9)], notice_bitmaps=True, job_id="j")
    batch = toy_client.predict_batch(FRAME.head(9), notice_bitmaps=True)
    assert result.row_count == 9
    answer = priced(result)
    assert answer.model == batch.model
    assert answer.currency == "EUR"
    assert answer.notice_counts == batch.notice_counts
    np.testing.assert_array_equal(answer.flags, batch.flags)
    kind = batch.notice_counts[0].kind
    np.testing.assert_array_equal(answer.cells(kind), batch.cells(kind))


def test_chunks_are_taken_only_as_the_window_allows(toy_client: PricingClient) -> None:
    taken = 0

    def counted() -> Iterator[Any]:
        nonlocal taken
        for chunk in chunks(10):
            taken += 1
            yield chunk

    for answered, _ in enumerate(toy_client.predict_stream(counted(), window=3)):
        assert taken <= answered + 3
    assert taken == 60


def test_a_chunk_that_cannot_be_sent_is_answered_in_its_place(toy_client: PricingClient) -> None:
    wrong: list[Any] = [
        FRAME.head(3),
        {"ram": ["cheap"]},
        {"ram": [1.0] * 10_001},
        {"nonsense": [1.0]},
        {"ram": [1.0], "brand": ["x" * 17_000_000]},
        FRAME.head(2),
    ]
    results = list(toy_client.predict_stream(wrong))
    assert [r.sequence for r in results] == list(range(6))
    assert [r.row_count for r in results] == [3, 1, 10_001, 1, 1, 2]
    assert [type(r.error) for r in results] == [
        type(None),
        InvalidInput,
        InvalidInput,
        InvalidInput,
        MessageTooLarge,
        type(None),
    ]
    assert [r.predictions is None for r in results] == [False, True, True, True, True, False]
    assert "'nonsense' is not a feature" in str(results[3].error)


def test_a_stream_that_is_refused_says_why(toy_client: PricingClient) -> None:
    with pytest.raises(ModelNotFound):
        list(toy_client.predict_stream(chunks(), version=9))


def test_a_drained_server_loses_nothing(toy_models: Path, expected: list[float], gate: Gate) -> None:
    first, second = new_app(toy_models), new_app(toy_models)
    for app in (first, second):
        app.listen()
        app.load()
    found: list[float] = []
    try:
        with PricingClient([first.address, second.address]) as client:
            for result in client.predict_stream(chunks(), window=4):
                found.extend(priced(result).price)
                if result.sequence == 3:
                    first.stop()
                if result.sequence == 9:
                    second.stop()
                    second = new_app(toy_models, address=second.address)
                    second.listen()
                    second.load()
    finally:
        first.stop()
        second.stop()
    assert found == expected


def test_a_server_that_comes_back_on_its_port_is_found_again(toy_models: Path, expected: list[float]) -> None:
    app = new_app(toy_models)
    app.listen()
    app.load()
    found: list[float] = []
    try:
        with PricingClient(app.address) as client:
            for result in client.predict_stream(chunks(), window=8):
                found.extend(priced(result).price)
                if result.sequence % 6 == 5:
                    app.stop()
                    app = new_app(toy_models, address=app.address)
                    app.listen()
                    app.load()
    finally:
        app.stop()
    assert found == expected


def test_a_server_that_stays_away_ends_the_stream(toy_models: Path) -> None:
    with serving(toy_models) as app, PricingClient(app.address) as client:
        stream = client.predict_stream(chunks(), window=1, progress_timeout=0.5)
        next(stream)
        app.stop()
        with pytest.raises(Unavailable):
            list(stream)


def test_a_server_that_stalls_ends_the_stream_and_one_that_goes_on_does_not(
    toy_models: Path, expected: list[float], gate: Gate
) -> None:
    with serving(toy_models) as app, PricingClient(app.address) as client:
        gate.close()
        with pytest.raises(RidgelineError):
            list(client.predict_stream(chunks(), progress_timeout=0.6))
        gate.open()
        assert prices(client.predict_stream(chunks())) == expected


def test_time_in_the_callers_code_does_not_count(toy_client: PricingClient, expected: list[float]) -> None:
    gate = threading.Event()

    def slow() -> Iterator[Any]:
        for chunk in chunks(100):
            gate.wait(0.2)  # never set: a slow source, longer in all than the progress timeout
            yield chunk

    assert prices(toy_client.predict_stream(slow(), progress_timeout=0.5)) == expected


def test_leaving_early_ends_the_call(toy_models: Path) -> None:
    with serving(toy_models, max_streams=1) as app, PricingClient(app.address) as client:
        stream = client.predict_stream(chunks())
        next(stream)
        stream.close()  # type: ignore[attr-defined]  # it is a generator
        assert app._listener._streams.wait_idle(10)
        assert len(list(client.predict_stream(chunks(300)))) == 2


def test_an_error_of_the_callers_source_comes_through(toy_client: PricingClient) -> None:
    def broken() -> Iterator[Any]:
        yield FRAME.head(1)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(toy_client.predict_stream(broken()))


def test_a_closed_client_says_so(toy_server: App) -> None:
    client = PricingClient(toy_server.address)
    stream = client.predict_stream(chunks(), window=1)
    next(stream)
    client.close()
    with pytest.raises(ValueError, match="closed"):
        list(stream)


@pytest.mark.parametrize("options", [{"window": 0}, {"dtype": "int8"}, {"progress_timeout": 0}])
def test_wrong_options_are_refused_at_once(toy_client: PricingClient, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        toy_client.predict_stream(chunks(), **options)
