"""The model: the only place that knows onnxruntime."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Any, Protocol

import numpy as np

from ridgeline_server.domain import Floats

# Read when it is imported: else it keeps an id of the machine in the home folder, ready to be sent.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort


class Graph(Protocol):
    """What the price path needs of an ONNX graph."""

    def run(self, output: str, feed: Mapping[str, Any]) -> Floats:
        """Return one output, float64, for tensors by the names of the inputs."""

    def run_row(self, output: str, name: str, values: Sequence[float]) -> float:
        """Return an output of one number for one row of the only input, in the bits `run` returns."""


class OnnxGraph:
    """A float64 graph. Safe to share between threads."""

    def __init__(self, content: bytes) -> None:
        """Build the session.

        Raises:
            ValueError: onnxruntime refuses the graph.
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
        self._rows = threading.local()

    def disagreements(self, inputs: Mapping[str, tuple[str, int]], outputs: Mapping[str, int]) -> list[str]:
        """Say where the graph differs from what it should be: type and width of each input, and the width of
        each output, by name."""
        have = {node.name: (node.type, node.shape) for node in self._session.get_inputs()}
        problems = [f"the graph has an input {name!r} too many" for name in sorted(set(have) - set(inputs))]
        give = {node.name: (node.type, node.shape) for node in self._session.get_outputs()}
        expected = {name: ("tensor(double)", width) for name, width in outputs.items()}
        for what, found, wanted in (("input", have, inputs), ("output", give, expected)):
            for name, (kind, width) in wanted.items():
                got = found.get(name)
                if got is None:
                    problems.append(f"the graph lacks the {what} {name!r}")
                elif got[0] != kind or len(got[1]) != 2 or got[1][1] != width:
                    text = f"the graph's {what} {name!r} is {got[0]}{got[1]}"
                    problems.append(f"{text}, expected {kind}[n, {width}]")
        return problems

    def run(self, output: str, feed: Mapping[str, Any]) -> Floats:
        """Run the graph, see `Graph`."""
        (result,) = self._session.run((output,), feed)
        return np.asarray(result, dtype=np.float64)

    def run_row(self, output: str, name: str, values: Sequence[float]) -> float:
        """Run the graph for one row, see `Graph`."""
        rows = self._rows.__dict__
        row: _Row | None = rows.get(output)
        if row is None:
            row = rows[output] = _Row(self._session, output, name, len(values))
        return row.run(values)


class _Row:
    """Tensors of one row, made once for each thread: half of a run is making them."""

    def __init__(self, session: ort.InferenceSession, output: str, name: str, width: int) -> None:
        values, self._result = np.empty((1, width)), np.empty((1, 1))
        self._memory, self._pack = values.data.cast("B"), Struct(f"{width}d").pack_into
        self._session = session
        self._binding = session.io_binding()
        for bind, of, tensor in (
            (self._binding.bind_input, name, values),
            (self._binding.bind_output, output, self._result),
        ):
            bind(of, "cpu", 0, np.float64, tensor.shape, tensor.ctypes.data)

    def run(self, values: Sequence[float]) -> float:
        self._pack(self._memory, 0, *values)
        self._session.run_with_iobinding(self._binding)
        return float(self._result.item())
