"""Runs on the `client` extra alone: the client library imports, and calls cross a real connection.

Usage: python round_trip.py protobuf-6.33 (the protobuf that must be here; `make compat` runs it for each).
"""

from __future__ import annotations

import sys
from concurrent import futures
from importlib.metadata import version
from typing import NoReturn

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

import ridgeline_client
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline.v1 import pricing_service_pb2_grpc as pb_grpc

NOT_IN_THE_CLIENT = {"onnxruntime", "pandas", "pyarrow", "pydantic", "rich", "sklearn", "typer"}
SIZES = [15.6, float("nan"), 6.1]


class Echo(pb_grpc.PricingServiceServicer):
    """Prices a row of a batch at its first number and refuses every single record."""

    asked: pb.PredictBatchRequest

    def DescribeModel(
        self, request: pb.DescribeModelRequest, context: grpc.ServicerContext
    ) -> pb.DescribeModelResponse:
        return pb.DescribeModelResponse(
            features=[
                pb.Feature(name="screen_size", kind=pb.FEATURE_KIND_NUMERIC),
                pb.Feature(name="brand", kind=pb.FEATURE_KIND_CATEGORICAL),
            ],
            limits=pb.Limits(max_rows=10, max_records=10, max_message_bytes=1_000_000),
        )

    def PredictBatch(
        self, request: pb.PredictBatchRequest, context: grpc.ServicerContext
    ) -> pb.PredictBatchResponse:
        self.asked = request
        rows, values = request.columns.row_count, request.columns.numeric.double_values.values
        predictions = pb.PredictionBatch(row_count=rows, price=values, flags=[0] * rows)
        for column in (predictions.model_price, predictions.lower, predictions.upper):
            column.extend(values)
        return pb.PredictBatchResponse(currency_code="USD", predictions=predictions)

    def Predict(self, request: pb.PredictRequest, context: grpc.ServicerContext) -> NoReturn:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field='record.numeric["screen_size"]', description="too large", reason="OUT_OF_VALID_RANGE"
        )
        status = status_pb2.Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message="refused")
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
        context.abort_with_status(rpc_status.to_status(status))


def check_imports() -> None:
    """The client library came with nothing but its own dependencies."""
    missing = [name for name in ridgeline_client.__all__ if not hasattr(ridgeline_client, name)]
    expect(not missing, f"ridgeline_client.__all__ names what is not there: {missing}")
    strangers = NOT_IN_THE_CLIENT & set(sys.modules)
    expect(not strangers, f"import ridgeline_client imports {strangers}")


def check_calls(client: ridgeline_client.PricingClient, servicer: Echo) -> None:
    """A batch comes back as arrays, a refusal as the error with its details."""
    batch = client.predict_batch({"screen_size": SIZES, "brand": ["007", "", "007"]})
    expect(repr(batch.price.tolist()) == repr(SIZES), batch.price)
    (brand,) = servicer.asked.columns.categorical
    expect(list(brand.codes) == [1, 0, 1] and list(brand.dictionary) == ["007"], brand)
    try:
        answer = client.predict({"screen_size": 1e9})
    except ridgeline_client.InvalidInput as error:
        expect([violation.reason for violation in error.violations] == ["OUT_OF_VALID_RANGE"], error)
    else:
        expect(False, answer)


def expect(condition: bool, shown: object) -> None:
    """Stop with exit code 1 and what was found instead, unless `condition` holds."""
    if not condition:
        sys.exit(f"protobuf {version('protobuf')}: {shown}")


def main() -> None:
    """Check the protobuf version first: a pass on another one would prove nothing."""
    wanted = sys.argv[1].removeprefix("protobuf-")
    expect(f"{version('protobuf')}.".startswith(f"{wanted}."), f"expected {wanted}")
    check_imports()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    servicer = Echo()
    pb_grpc.add_PricingServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with ridgeline_client.PricingClient(f"127.0.0.1:{port}", timeout=10.0) as client:
        check_calls(client, servicer)
    server.stop(None).wait()
    print(f"protobuf {version('protobuf')}, grpcio {version('grpcio')}: stubs, client and calls work")


if __name__ == "__main__":
    main()
