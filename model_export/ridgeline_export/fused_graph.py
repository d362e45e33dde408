"""The fitted pipeline as few operations: what is served.

`model.onnx` has the inputs `numeric` double[n, k] and `categorical` string[n, m] and the outputs `price`
double[n, 1] and `category_effects` double[n, m], what each category adds to the price. `numeric.onnx` is the
part of it behind imputation: `numeric` double[n, k] without gaps to `numeric_price` double[n, 1]. So

    price = numeric_price of the filled numbers + the category_effects, added from left to right

in the same bits, and a server that has tabulated the effects needs no text in native code. A model without
numeric features has its intercept in the effects of its first categorical feature. The bytes depend on
nothing but the fitted pipeline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from sklearn.pipeline import Pipeline

from ridgeline.artifact import (
    CATEGORICAL_INPUT,
    EFFECTS_OUTPUT,
    MODEL_FILE,
    NUMERIC_FILE,
    NUMERIC_INPUT,
    NUMERIC_OUTPUT,
    PRICE_OUTPUT,
)

OPSETS = {"": 18, "ai.onnx.ml": 4}
"""Old enough for every onnxruntime since 1.17."""

_IR_VERSION = 9
# A column whose mean is this many standard deviations away from 0 loses digits when the mean goes into the
# intercept, so then the graph subtracts it from each value, which costs one more pass over the numbers.
_FOLDABLE = 1e5

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Terms:
    """A fitted pipeline as numbers: intercept + ((filled - mean) / scale) @ coefficient + effects.

    `fill`, `mean`, `scale` and `coefficient` are float64[k]; `effects` has one mapping of categories to what
    they add per categorical feature, any other category adds nothing.
    """

    intercept: float
    fill: _Floats
    mean: _Floats
    scale: _Floats
    coefficient: _Floats
    effects: tuple[dict[str, float], ...]

    @classmethod
    def of(cls, pipeline: Pipeline, numeric_count: int) -> Terms:
        """Take a fitted `make_pipeline` apart."""
        ridge, parts = pipeline.named_steps["ridge"], pipeline.named_steps["features"].named_transformers_
        coefficients = np.asarray(ridge.coef_, dtype=np.float64).reshape(-1)
        fill = mean = scale = np.empty(0)
        if numeric_count:
            scaler = parts["numeric"].named_steps["scale"]
            fill, mean, scale = (
                parts["numeric"].named_steps["impute"].statistics_,
                scaler.mean_,
                scaler.scale_,
            )
        effects, at = [], numeric_count
        for levels in parts["categorical"].categories_ if "categorical" in parts else ():
            amounts = coefficients[at : at + len(levels)].tolist()
            effects.append(dict(zip(map(str, levels), amounts, strict=True)))
            at += len(levels)
        intercept = float(np.asarray(ridge.intercept_).reshape(-1)[0])
        return cls(intercept, fill, mean, scale, coefficients[:numeric_count], tuple(effects))


def published_graphs(pipeline: Pipeline, numeric_count: int, name: str) -> dict[str, bytes]:
    """The graphs of a fitted pipeline over k numeric columns and any categorical ones, by file name."""
    terms = Terms.of(pipeline, numeric_count)
    graphs = {MODEL_FILE: model_graph(terms, name)}
    return graphs | {NUMERIC_FILE: numeric_graph(terms, name)} if numeric_count else graphs


def model_graph(terms: Terms, name: str) -> bytes:
    """The whole model, serialised: `model.onnx`."""
    graph = _Graph(name)
    k, m = len(terms.fill), len(terms.effects)
    so_far = ""
    if k:
        graph.inputs.append(_tensor(NUMERIC_INPUT, TensorProto.DOUBLE, k))
        gaps = graph.add("IsNaN", [NUMERIC_INPUT], "gaps")
        filled = graph.add("Where", [gaps, graph.constant("fill", terms.fill), NUMERIC_INPUT], "filled")
        so_far = _numeric_price(graph, terms, filled)
    effects = []
    if m:
        graph.inputs.append(_tensor(CATEGORICAL_INPUT, TensorProto.STRING, m))
    for j in range(m):
        effects.append(_effect(graph, terms, j))
        so_far = graph.add("Add", [so_far, effects[-1]], f"price_{j}") if so_far else effects[-1]
    graph.output(so_far, PRICE_OUTPUT, 1)
    if m:
        graph.output(graph.add("Concat", effects, "effects", axis=1), EFFECTS_OUTPUT, m)
    return graph.content()


def numeric_graph(terms: Terms, name: str) -> bytes:
    """The numeric part of a model with numeric features, serialised: `numeric.onnx`."""
    graph = _Graph(name)
    graph.inputs.append(_tensor(NUMERIC_INPUT, TensorProto.DOUBLE, len(terms.fill)))
    graph.output(_numeric_price(graph, terms, NUMERIC_INPUT), NUMERIC_OUTPUT, 1)
    return graph.content()


def _numeric_price(graph: _Graph, terms: Terms, filled: str) -> str:
    """Intercept + filled @ weight; one Gemm, because onnxruntime's optimiser looks at single constants of
    other operations through float32."""
    weight = terms.coefficient / terms.scale
    intercept = terms.intercept
    if np.any(np.abs(terms.mean) > _FOLDABLE * terms.scale):
        filled = graph.add("Sub", [filled, graph.constant("mean", terms.mean)], "centred")
    else:
        intercept = math.fsum([intercept, *(-terms.mean * weight)])
    weights = graph.constant("weight", weight.reshape(-1, 1))
    return graph.add("Gemm", [filled, weights, graph.constant("intercept", np.array([intercept]))], "numbers")


def _effect(graph: _Graph, terms: Terms, j: int) -> str:
    """What the category of feature j adds, double[n, 1]."""
    first = terms.intercept if not (len(terms.fill) or j) else 0.0
    texts = [text.encode() for text in terms.effects[j]]
    amounts = [first + amount for amount in terms.effects[j].values()]
    column = graph.add(
        "Gather", [CATEGORICAL_INPUT, graph.constant(f"place_{j}", np.array([j]))], f"text_{j}", axis=1
    )
    return graph.add(
        "LabelEncoder",
        [column],
        f"effect_{j}",
        domain="ai.onnx.ml",
        keys_tensor=TensorProto(data_type=TensorProto.STRING, dims=[len(texts)], string_data=texts),
        values_tensor=helper.make_tensor("values", TensorProto.DOUBLE, [len(texts)], amounts),
        default_tensor=helper.make_tensor("default", TensorProto.DOUBLE, [1], [first]),
    )


def _tensor(name: str, kind: int, width: int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, [None, width])


@dataclass
class _Graph:
    """A graph in the making."""

    name: str
    inputs: list[ValueInfoProto] = field(default_factory=list)
    _outputs: list[ValueInfoProto] = field(default_factory=list)
    _nodes: list[NodeProto] = field(default_factory=list)
    _constants: list[TensorProto] = field(default_factory=list)

    def add(self, operation: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add an operation; returns the name of its output."""
        self._nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def constant(self, name: str, values: npt.NDArray[np.generic]) -> str:
        """Add a constant; returns its name."""
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def output(self, of: str, name: str, width: int) -> None:
        """Make double[n, width] an output of the graph."""
        self.add("Identity", [of], name)
        self._outputs.append(_tensor(name, TensorProto.DOUBLE, width))

    def content(self) -> bytes:
        """Return the model, serialised."""
        graph = helper.make_graph(self._nodes, self.name, self.inputs, self._outputs, self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model: ModelProto = helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="ridgeline"
        )
        return model.SerializeToString(deterministic=True)
