"""The fitted pipeline as an ONNX graph in float64.

Input `numeric` double[n, k] and `categorical` string[n, m], output `price` double[n, 1]; a model without
numeric or without categorical features lacks that input. Imputation, scaling, one-hot encoding and Ridge
are all inside. The bytes depend on nothing but the fitted pipeline.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.algebra.onnx_ops import OnnxIsNaN, OnnxWhere
from skl2onnx.common._apply_operation import apply_cast
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from skl2onnx.proto import onnx_proto
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from ridgeline.artifact import CATEGORICAL_INPUT, NUMERIC_INPUT, PRICE_OUTPUT

TARGET_OPSET = {"": 18, "ai.onnx.ml": 3}
"""Old enough for every onnxruntime since 1.14."""


def to_onnx(pipeline: Pipeline, numeric_count: int, categorical_count: int, name: str) -> bytes:
    """Convert a fitted pipeline over k numeric and m categorical columns; returns the serialised graph."""
    inputs: list[tuple[str, Any]] = []
    if numeric_count:
        inputs.append((NUMERIC_INPUT, DoubleTensorType([None, numeric_count])))
    if categorical_count:
        inputs.append((CATEGORICAL_INPUT, StringTensorType([None, categorical_count])))
    _register_double_converters()
    graph = convert_sklearn(
        pipeline,
        name=name,
        initial_types=inputs,
        final_types=[(PRICE_OUTPUT, DoubleTensorType([None, 1]))],
        target_opset=TARGET_OPSET,
    )
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def _register_double_converters() -> None:
    # onnxruntime's Imputer has no double kernel; skl2onnx's one-hot encoding is float and would make the
    # whole graph float when there is no numeric feature beside it.
    register = update_registered_converter
    register(SimpleImputer, "RidgelineImputer", _imputer_shape, _convert_imputer, overwrite=True)
    register(OneHotEncoder, "RidgelineOneHotEncoder", _one_hot_shape, _convert_one_hot, overwrite=True)


def _imputer_shape(operator: Any) -> None:
    operator.outputs[0].type = DoubleTensorType([None, operator.inputs[0].get_second_dimension()])


def _convert_imputer(scope: Any, operator: Any, container: Any) -> None:
    """Emit Where(IsNaN(x), fill, x)."""
    fill = operator.raw_operator.statistics_.astype(np.float64).reshape(1, -1)
    values = operator.inputs[0]
    opset = container.target_opset
    missing = OnnxIsNaN(values, op_version=opset)
    filled = OnnxWhere(missing, fill, values, op_version=opset, output_names=operator.outputs[:1])
    filled.add_to(scope, container)


def _one_hot_shape(operator: Any) -> None:
    width = sum(len(categories) for categories in operator.raw_operator.categories_)
    operator.outputs[0].type = DoubleTensorType([None, width])


def _convert_one_hot(scope: Any, operator: Any, container: Any) -> None:
    """Emit skl2onnx's own one-hot encoding and a cast to double."""
    stock = scope.declare_local_operator("SklearnOneHotEncoder", operator.raw_operator)
    stock.inputs = operator.inputs
    encoded = scope.declare_local_variable("encoded", FloatTensorType())
    stock.outputs.append(encoded)
    double = onnx_proto.TensorProto.DOUBLE
    apply_cast(scope, encoded.full_name, operator.outputs[0].full_name, container, to=double)
