"""One row through a thread's own tensors is what the same row is among others."""

from __future__ import annotations

from concurrent import futures
from pathlib import Path

import numpy as np
import pytest

from ridgeline.artifact import NUMERIC_INPUT, NUMERIC_OUTPUT
from ridgeline_server.engine.artifact import load
from ridgeline_server.engine.model import OnnxGraph

ROWS = 2_000


@pytest.fixture(scope="module")
def graph(toy_models: Path) -> OnnxGraph:
    return OnnxGraph((toy_models / "toys" / "1" / "numeric.onnx").read_bytes())


def test_a_row_alone_has_the_bits_it_has_among_others_on_every_thread(
    graph: OnnxGraph, toy_models: Path
) -> None:
    width = len(load(toy_models / "toys" / "1").schema.numeric)
    rows = np.random.default_rng(0).normal(0, 100, (ROWS, width))
    together = graph.run(NUMERIC_OUTPUT, {NUMERIC_INPUT: rows}).reshape(-1)

    def alone(values: list[float]) -> float:
        return graph.run_row(NUMERIC_OUTPUT, NUMERIC_INPUT, values)

    with futures.ThreadPoolExecutor(8) as pool:
        assert np.array(list(pool.map(alone, rows.tolist()))).tobytes() == together.tobytes()
