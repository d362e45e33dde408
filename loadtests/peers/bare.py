"""grpcio and onnxruntime, no checks, no guard, no notices. bare.py ADDRESS VERSION_FOLDER."""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime as ort
from serving import serve

from ridgeline.v1 import pricing_service_pb2 as pb

address, folder = sys.argv[1], Path(sys.argv[2])
features = json.loads((folder / "manifest.json").read_text())["features"]
numeric, texts = ([f["name"] for f in features if (f["kind"] == "numeric") is kind] for kind in (True, False))
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
run = ort.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"]).run


def predict(request: pb.PredictRequest, _: object) -> pb.PredictResponse:
    n, t = request.record.numeric, request.record.categorical
    row = [[n[f] if f in n else math.nan for f in numeric]]  # noqa: SIM401 - faster than `get`
    words = [[t.get(f, "") for f in texts]]
    prices = run(["price"], {"numeric": np.array(row), "categorical": np.array(words, dtype=object)})[0]
    return pb.PredictResponse(prediction=pb.Prediction(price=prices[0, 0]))


def columns(of: pb.RecordBatch) -> pb.PredictionBatch:
    matrix = np.asarray(of.numeric.double_values.values).reshape(of.row_count, -1)
    words = [np.array(["", *c.dictionary], dtype=object)[np.asarray(c.codes)] for c in of.categorical]
    prices = run(["price"], {"numeric": matrix, "categorical": np.stack(words, axis=1)})[0]
    return pb.PredictionBatch(row_count=of.row_count, price=prices.ravel().tolist())


def batch(request: pb.PredictBatchRequest, _: object) -> pb.PredictBatchResponse:
    return pb.PredictBatchResponse(predictions=columns(request.columns))


def stream(requests: Iterator[pb.PredictStreamRequest], _: object) -> Iterator[pb.PredictStreamResponse]:
    for chunk in (request.chunk for request in requests if request.HasField("chunk")):
        result = pb.ChunkResult(sequence=chunk.sequence, predictions=columns(chunk.columns))
        yield pb.PredictStreamResponse(result=result)


serve(address, messages=True, Predict=predict, PredictBatch=batch, PredictStream=stream)
