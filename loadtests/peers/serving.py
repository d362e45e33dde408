"""What both peers share: a grpcio server with the options that were found best, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc

from ridgeline.v1 import pricing_service_pb2 as pb

Behaviour = Callable[[Any, Any], Any]

_MESSAGES: dict[str, tuple[Any, Any]] = {
    "Predict": (pb.PredictRequest, pb.PredictResponse),
    "PredictBatch": (pb.PredictBatchRequest, pb.PredictBatchResponse),
    "PredictStream": (pb.PredictStreamRequest, pb.PredictStreamResponse),
}


def serve(address: str, *, messages: bool, **behaviours: Behaviour) -> None:
    """Answer methods of the price server until the process ends, with messages or with bytes."""
    handlers = {}
    for name, behaviour in behaviours.items():
        request, response = _MESSAGES[name]
        kind: Any = grpc.unary_unary_rpc_method_handler
        if name == "PredictStream":
            kind = grpc.stream_stream_rpc_method_handler
        codec = (request.FromString, response.SerializeToString) if messages else ()
        handlers[name] = kind(behaviour, *codec)
    # Two threads are faster than one and than many.
    server = grpc.server(futures.ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", -1)])
    # Methods that gRPC itself looks up cost less than a handler that does.
    server.add_registered_method_handlers("ridgeline.v1.PricingService", handlers)
    port = server.add_insecure_port(address)
    server.start()
    print(f"serving on {address.rpartition(':')[0]}:{port}", file=sys.stderr, flush=True)
    server.wait_for_termination()
