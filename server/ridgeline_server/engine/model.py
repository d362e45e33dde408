"""The model: the only place that knows onnxruntime."""

from __future__ import annotations

import os
from typing import Protocol

import numpy as np

from ridgeline.artifact import CATEGORICAL_INPUT, NUMERIC_INPUT, PRICE_OUTPUT
from ridgeline_server.domain import Floats, Strings

# Read when it is imported: else it keeps an id of the machine in the home folder, ready to be sent.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort


class Model(Protocol):
    """What the price path needs of a model."""

    def run(self, numeric: Floats, categorical: Strings) -> Floats:
        """Price n rows: numeric float64 [n, k], categorical object [n, m] of str -> float64 [n]."""


class OnnxModel:
    """A float64 graph that prices rows. Safe to share between threads."""

    def __init__(self, content: bytes) -> None:
        """Build the session.

        Raises:
            ValueError: onnxruntime refuses the graph, or it has not the inputs and output it should have.
        """
        options = ort.SessionOptions()
        # One request is too small to split: more threads only spin and steal time from other calls.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own without a common public base
            raise ValueError(f"onnxruntime cannot load the graph: {error}") from error
        self._inputs = {i.name: (i.type, i.shape) for i in self._session.get_inputs()}
        if PRICE_OUTPUT not in [o.name for o in self._session.get_outputs()]:
            raise ValueError(f"the graph has no output {PRICE_OUTPUT!r}")

    def disagreements(self, numeric: int, categorical: int) -> list[str]:
        """Say where the graph's inputs differ from `numeric` and `categorical` features."""
        expected = {}
        if numeric:
            expected[NUMERIC_INPUT] = ("tensor(double)", numeric)
        if categorical:
            expected[CATEGORICAL_INPUT] = ("tensor(string)", categorical)
        problems = [f"the graph has an input {name!r} too many" for name in set(self._inputs) - set(expected)]
        for name, (kind, width) in expected.items():
            got = self._inputs.get(name)
            if got is None:
                problems.append(f"the graph lacks the input {name!r}")
            elif got[0] != kind or len(got[1]) != 2 or got[1][1] != width:
                problems.append(
                    f"the graph's input {name!r} is {got[0]}{got[1]}, expected {kind}[n, {width}]"
                )
        return problems

    def run(self, numeric: Floats, categorical: Strings) -> Floats:
        """Price n rows, see `Model`."""
        feed: dict[str, Floats | Strings] = {}
        if NUMERIC_INPUT in self._inputs:
            feed[NUMERIC_INPUT] = numeric
        if CATEGORICAL_INPUT in self._inputs:
            feed[CATEGORICAL_INPUT] = categorical
        (price,) = self._session.run([PRICE_OUTPUT], feed)
        return np.asarray(price, dtype=np.float64).reshape(-1)
