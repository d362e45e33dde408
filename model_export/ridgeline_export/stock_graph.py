"""skl2onnx's conversion of the fitted pipeline, in float64: what the published graphs are proved against.

Input `numeric` double[n, k] and `categorical` string[n, m], output `price` double[n, 1]; a model without
numeric or without categorical features lacks that input. Imputation, scaling, one-hot encoding and Ridge
are all inside. The bytes depend on nothing but the fitted pipeline.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.algebra.onnx_ops import OnnxDiv, OnnxExpand, OnnxIsNaN, OnnxShape, OnnxSub, OnnxWhere
from skl2onnx.common._apply_operation import apply_cast
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from skl2onnx.proto import onnx_proto
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ridgeline.artifact import CATEGORICAL_INPUT, NUMERIC_INPUT, PRICE_OUTPUT

TARGET_OPSET = {"": 18, "ai.onnx.ml": 3}
"""Old enough for every onnxruntime since 1.14."""


def stock_graph(pipeline: Pipeline, numeric_count: int, categorical_count: int, name: str) -> bytes:
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
    # onnxruntime's Imputer has no double kernel, and its optimiser looks at single constants through float32:
    # it fuses a division into MatMul as a float32 factor and drops the subtraction of 1e-60. skl2onnx's
    # one-hot encoding is float and would make the whole graph float without a numeric feature beside it.
    register = update_registered_converter
    register(SimpleImputer, "RidgelineImputer", _same_shape, _convert_imputer, overwrite=True)
    register(StandardScaler, "RidgelineScaler", _same_shape, _convert_scaler, overwrite=True)
    register(OneHotEncoder, "RidgelineOneHotEncoder", _one_hot_shape, _convert_one_hot, overwrite=True)


def _same_shape(operator: Any) -> None:
    operator.outputs[0].type = DoubleTensorType([None, operator.inputs[0].get_second_dimension()])


def _convert_imputer(scope: Any, operator: Any, container: Any) -> None:
    """Emit Where(IsNaN(x), fill, x)."""
    fill = operator.raw_operator.statistics_.astype(np.float64).reshape(1, -1)
    values = operator.inputs[0]
    opset = container.target_opset
    missing = OnnxIsNaN(values, op_version=opset)
    filled = OnnxWhere(missing, fill, values, op_version=opset, output_names=operator.outputs[:1])
    filled.add_to(scope, container)


def _convert_scaler(scope: Any, operator: Any, container: Any) -> None:
    """Emit (x - mean) / scale; of one column both are spread over the rows, so that neither is constant."""
    values, opset = operator.inputs[0], container.target_opset
    fitted = (operator.raw_operator.mean_, operator.raw_operator.scale_)
    mean, scale = (part.astype(np.float64).reshape(1, -1) for part in fitted)
    if mean.size == 1:
        rows = OnnxShape(values, op_version=opset)
        mean, scale = (OnnxExpand(part, rows, op_version=opset) for part in (mean, scale))
    centred = OnnxSub(values, mean, op_version=opset)
    scaled = OnnxDiv(centred, scale, op_version=opset, output_names=operator.outputs[:1])
    scaled.add_to(scope, container)


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
