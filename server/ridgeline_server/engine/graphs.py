"""The ONNX graphs of a version: loaded, and what they must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ridgeline.artifact import (
    CATEGORICAL_INPUT,
    EFFECTS_OUTPUT,
    MODEL_FILE,
    NUMERIC_FILE,
    NUMERIC_INPUT,
    NUMERIC_OUTPUT,
    PRICE_OUTPUT,
)
from ridgeline_server.domain import Floats, Strings
from ridgeline_server.engine.model import OnnxGraph


@dataclass(frozen=True, slots=True)
class Graphs:
    """The whole model, and the part that prices numbers; None without numeric features."""

    whole: OnnxGraph
    numbers: OnnxGraph | None

    @classmethod
    def load(cls, contents: Mapping[str, bytes]) -> Graphs:
        """Load the graphs by the names of their files. Raises ValueError: onnxruntime refuses one."""
        loaded = {}
        for name in (MODEL_FILE, NUMERIC_FILE):
            if name in contents:
                try:
                    loaded[name] = OnnxGraph(contents[name])
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from error
        return cls(loaded[MODEL_FILE], loaded.get(NUMERIC_FILE))

    def disagreements(self, numeric: int, categorical: int) -> list[str]:
        """Say where the graphs are not those of so many numeric and categorical features."""
        numbers = {NUMERIC_INPUT: ("tensor(double)", numeric)} if numeric else {}
        texts = {CATEGORICAL_INPUT: ("tensor(string)", categorical)} if categorical else {}
        effects = {EFFECTS_OUTPUT: categorical} if categorical else {}
        problems = self.whole.disagreements(numbers | texts, {PRICE_OUTPUT: 1} | effects)
        found = [f"{MODEL_FILE}: {problem}" for problem in problems]
        if self.numbers:
            problems = self.numbers.disagreements(numbers, {NUMERIC_OUTPUT: 1})
            found += [f"{NUMERIC_FILE}: {problem}" for problem in problems]
        return found

    def prices(self, numeric: Floats, categorical: Strings) -> Floats:
        """What the whole model says of n rows, float64 [n]: numeric float64 [n, k] with gaps, categorical
        object [n, m] of str."""
        tensors = {NUMERIC_INPUT: numeric, CATEGORICAL_INPUT: categorical}
        feed = {name: tensor for name, tensor in tensors.items() if tensor.shape[1]}
        return np.asarray(self.whole.run(PRICE_OUTPUT, feed).reshape(-1))
