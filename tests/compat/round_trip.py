"""Runs on the `client` extra alone: the stubs and the client library import, and a request survives the wire.

Usage: python round_trip.py protobuf-6.33 (the protobuf that must be here; `make compat` runs it for each).
"""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version

NOT_IN_THE_CLIENT = ("onnxruntime", "pandas", "pyarrow", "pydantic", "rich", "sklearn", "typer")


def check_round_trip() -> None:
    """Send a batch request and its answer through bytes and back."""
    pb = importlib.import_module("ridgeline.v1.pricing_service_pb2")
    grpc_stubs = importlib.import_module("ridgeline.v1.pricing_service_pb2_grpc")
    request = pb.PredictBatchRequest(
        model="techmart",
        choice=pb.ModelChoice(version=7),
        columns=pb.RecordBatch(
            row_count=2,
            numeric=pb.NumericColumns(
                names=["screen_size"], double_values=pb.DoubleMatrix(values=[15.6, float("nan")])
            ),
            categorical=[pb.CategoricalColumn(name="brand", dictionary=["007"], codes=[1, 0])],
        ),
    )
    request.columns.event_times_us.append(1_767_225_600_000_000)
    sent = request.SerializeToString(deterministic=True)
    again = pb.PredictBatchRequest.FromString(sent)
    expect(again.SerializeToString(deterministic=True) == sent, again)
    expect(again.WhichOneof("payload") == "columns", again)
    expect(list(again.columns.categorical[0].codes) == [1, 0], again)
    expect(again.columns.numeric.double_values.values[0] == 15.6, again)
    expect(hasattr(grpc_stubs, "PricingServiceStub"), dir(grpc_stubs))


def check_client() -> None:
    """Import the client library with nothing but its own dependencies."""
    client = importlib.import_module("ridgeline_client")
    missing = [name for name in getattr(client, "__all__", ()) if not hasattr(client, name)]
    expect(not missing, f"ridgeline_client.__all__ names what is not there: {missing}")
    strangers = [name for name in NOT_IN_THE_CLIENT if name in sys.modules]
    expect(not strangers, f"import ridgeline_client imports {strangers}")


def expect(condition: bool, shown: object) -> None:
    """Stop with exit code 1 and what was found instead, unless `condition` holds."""
    if not condition:
        sys.exit(f"protobuf {version('protobuf')}: {shown}")


def main() -> None:
    """Check the protobuf version first: a pass on another one would prove nothing."""
    wanted = sys.argv[1].removeprefix("protobuf-")
    expect(f"{version('protobuf')}.".startswith(f"{wanted}."), f"expected {wanted}")
    check_round_trip()
    check_client()
    print(f"protobuf {version('protobuf')}, grpcio {version('grpcio')}: stubs, client and round trip work")


if __name__ == "__main__":
    main()
