"""Sends hostile inputs over a real channel and judges every answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc

from ridgeline.v1 import pricing_service_pb2 as pb
from support import hostile
from support.status import decode
from support.wire import SERVICE, TIMEOUT, Wire

DECLARED = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"}
"""What the contract says a request can be answered with on a server that serves and is not asked to stop."""

LEAKS = ("Traceback", "Error(", "Exception", ".py", "line ", "ridgeline_server", "numpy", "onnx")
"""What only the text of an exception would say."""

Tally = Counter[tuple[str, str]]
"""Inputs by kind and status."""


def fuzz(wire: Wire, method: str, count: int, seed: int) -> Tally:
    """Send `count` inputs to a method; raises AssertionError for an answer that is not declared."""
    tally: Tally = Counter()
    for kind, content in hostile.inputs(method, count, seed):
        status, text = (
            _streamed(wire, content) if method == "PredictStream" else _asked(wire, method, content)
        )
        where = f"{method}, {kind}, seed {seed}: {content[:200]!r}"
        assert status in DECLARED, f"{status} {text} for {where}"
        assert not any(leak in text for leak in LEAKS), f"{text} for {where}"
        tally[kind, status] += 1
    return tally


def _asked(wire: Wire, method: str, content: bytes) -> tuple[str, str]:
    try:
        wire.raw(method, content)
    except grpc.RpcError as error:
        return _said(error)
    return "OK", ""


def _streamed(wire: Wire, content: bytes) -> tuple[str, str]:
    """Send an open, the input, and a good chunk; the worst status is the answer."""
    call: Any = wire.channel.stream_stream(SERVICE + "PredictStream")
    opening = pb.PredictStreamRequest(open=pb.StreamOpen()).SerializeToString()
    try:
        answers = list(call(iter([opening, content]), timeout=TIMEOUT))
    except grpc.RpcError as error:
        return _said(error)
    for result in _results(answers):
        if result.HasField("error"):
            code = next(code for code in grpc.StatusCode if code.value[0] == result.error.code)
            return code.name, result.error.message
    return "OK", ""


def _results(answers: list[bytes]) -> Iterator[pb.ChunkResult]:
    for answer in answers:
        response = pb.PredictStreamResponse.FromString(answer)
        if response.HasField("result"):
            yield response.result


def _said(error: grpc.RpcError) -> tuple[str, str]:
    decoded = decode(error)
    return error.code().name, f"{error.details()} {decoded}"
