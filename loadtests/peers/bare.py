"""grpcio and onnxruntime, no checks, no guard, no notices. bare.py ADDRESS VERSION_FOLDER."""

import sys
from collections.abc import Iterator

import graph
import numpy as np
from serving import serve

from ridgeline.v1 import pricing_service_pb2 as pb

run, numeric, texts = graph.opened(sys.argv[2])


def predict(request: pb.PredictRequest, _: object) -> pb.PredictResponse:
    n, t = request.record.numeric, request.record.categorical
    row = [[n[f] if f in n else np.nan for f in numeric]]  # noqa: SIM401 - faster than `get`
    words = np.array([[t.get(f, "") for f in texts]], dtype=object)
    prices = run(["price"], {"numeric": np.array(row), "categorical": words})[0]
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


serve(sys.argv[1], messages=True, Predict=predict, PredictBatch=batch, PredictStream=stream)
