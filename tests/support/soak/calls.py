"""Calls as they come to a server that lasts: good, wrong, cancelled, late, on connections that change."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import grpc

from ridgeline.v1 import pricing_service_pb2 as pb
from support.wire import Wire, batch_request, columns, connect, record

CALLERS = 4
RECONNECT_SHARE = 0.01
"""Of calls that are followed by a new connection."""

_LATE_S = 0.001
_STREAM_LATE_S = 0.01
_CHUNKS = 3
_ROWS = 50

Outcomes = Counter[tuple[str, str]]


@dataclass(frozen=True)
class Kind:
    """One kind of call.

    Attributes:
        share: how many of 100 calls are of it.
        make: makes one and waits for its end; raises grpc.RpcError.
        codes: what it may end with.
    """

    share: int
    make: Callable[[Wire], object]
    codes: frozenset[str]


def _cancelled(wire: Wire) -> None:
    call = wire.stub.Predict.future(_ONE)
    call.cancel()
    raise call  # a call that has ended is the error it ended with


def _stream(wire: Wire) -> None:
    """Every chunk, one ahead."""
    for _ in wire.stub.PredictStream(iter([_OPEN, *map(_chunk, range(_CHUNKS))])):
        pass


def _held(wire: Wire, timeout: float | None = None) -> tuple[Any, SimpleQueue[Any]]:
    """A stream with one chunk whose caller does not go on until it is told to."""
    messages: SimpleQueue[pb.PredictStreamRequest | None] = SimpleQueue()
    for message in (_OPEN, _chunk(0)):
        messages.put(message)
    return wire.stub.PredictStream(iter(messages.get, None), timeout=timeout), messages


def _stream_cancelled(wire: Wire) -> None:
    call, messages = _held(wire)
    next(call)
    call.cancel()
    _read_to_the_end(call, messages)


def _stream_late(wire: Wire) -> None:
    _read_to_the_end(*_held(wire, _STREAM_LATE_S))


def _read_to_the_end(call: Iterator[object], messages: SimpleQueue[Any]) -> None:
    try:
        for _ in call:
            pass
    finally:
        messages.put(None)  # else the thread that sends would wait for ever


_ONE = pb.PredictRequest(record=record())
_WRONG = pb.PredictRequest(record=record(ram=math.inf))
_ELSEWHERE = pb.PredictRequest(model="no such model", record=record())
_MANY = batch_request("columns", [record()] * _ROWS)
_NONE = pb.PredictBatchRequest()
_OPEN = pb.PredictStreamRequest(open=pb.StreamOpen())
_COLUMNS = columns([record()] * _ROWS)


def _chunk(sequence: int) -> pb.PredictStreamRequest:
    return pb.PredictStreamRequest(chunk=pb.Chunk(sequence=sequence, columns=_COLUMNS))


def _kind(share: int, make: Callable[[Wire], object], *codes: str) -> Kind:
    return Kind(share, make, frozenset(codes))


KINDS: Mapping[str, Kind] = {
    "Predict": _kind(50, lambda wire: wire.predict(_ONE), "OK"),
    "Predict, invalid": _kind(10, lambda wire: wire.predict(_WRONG), "INVALID_ARGUMENT"),
    "Predict, no such model": _kind(5, lambda wire: wire.predict(_ELSEWHERE), "NOT_FOUND"),
    "Predict, cancelled": _kind(8, _cancelled, "CANCELLED", "OK"),
    "Predict, too late": _kind(
        7, lambda wire: wire.stub.Predict(_ONE, timeout=_LATE_S), "DEADLINE_EXCEEDED", "OK"
    ),
    "PredictBatch": _kind(8, lambda wire: wire.predict_batch(_MANY), "OK"),
    "PredictBatch, empty": _kind(3, lambda wire: wire.predict_batch(_NONE), "INVALID_ARGUMENT"),
    "PredictStream": _kind(4, _stream, "OK"),
    "PredictStream, cancelled": _kind(3, _stream_cancelled, "CANCELLED"),
    "PredictStream, too late": _kind(2, _stream_late, "DEADLINE_EXCEEDED"),
}
"""By name; the shares make 100."""


def make_calls(address: str, count: int, seed: int) -> Outcomes:
    """Make `count` drawn calls from CALLERS threads; return how many of each kind ended with which code."""
    shares = [count // CALLERS + (number < count % CALLERS) for number in range(CALLERS)]
    with ThreadPoolExecutor(CALLERS) as threads:
        made = [
            threads.submit(_make, address, share, f"{seed} {number}") for number, share in enumerate(shares)
        ]
        return sum((each.result() for each in made), Outcomes())


def strange(outcomes: Outcomes) -> set[tuple[str, str]]:
    """Ends that no call should have."""
    return {(kind, code) for kind, code in outcomes if code not in KINDS[kind].codes}


def _make(address: str, count: int, seed: str) -> Outcomes:
    draw, outcomes = random.Random(seed), Outcomes()
    kinds = draw.choices(list(KINDS), [kind.share for kind in KINDS.values()], k=count)
    while kinds:
        with connect(address) as wire:
            while kinds:
                name = kinds.pop()
                outcomes[name, _code(name, wire)] += 1
                if draw.random() < RECONNECT_SHARE:
                    break
    return outcomes


def _code(name: str, wire: Wire) -> str:
    try:
        KINDS[name].make(wire)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"
