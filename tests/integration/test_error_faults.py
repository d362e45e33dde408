"""Faults in programs: the unforeseen in the server, bytes that are no message, unknown methods."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import grpc
import pytest

from ridgeline_server import errors
from ridgeline_server.app import App
from ridgeline_server.transport.status import CODES
from support.gate import before_each_run
from support.status import refused
from support.wire import DOORS, TIMEOUT, Wire, connect, record

GOOD = record()


@pytest.fixture(scope="module")
def wire(toy_server: App) -> Iterator[Wire]:
    with connect(toy_server.address) as wire:
        yield wire


def make(wire: Wire, call: str) -> object:
    return wire.describe() if call == "describe" else wire.ask(call, GOOD)


SECRET = "/srv/secrets/model.onnx is broken"


@pytest.mark.parametrize("call", [*DOORS, "describe"])
def test_the_unforeseen_is_told_as_a_request_id_and_nothing_else(
    wire: Wire, call: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    before_each_run(monkeypatch, fail)
    monkeypatch.setattr("ridgeline_server.transport.servicer.description", fail)
    with caplog.at_level(logging.ERROR):
        refusals = [
            refused(lambda: wire.describe() if call == "describe" else wire.ask(call, GOOD)) for _ in range(2)
        ]
    for refusal in refusals:
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
        assert refusal.message == f"internal error, request id {refusal.request_id}"
        assert not refusal.info.metadata
        assert b"secrets" not in repr(refusal.trailers).encode()
        (logged,) = [r for r in caplog.records if refusal.request_id in r.getMessage()]
        assert logged.exc_info is not None
        assert SECRET in str(logged.exc_info[1])
    assert refusals[0].request_id != refusals[1].request_id


def test_a_method_the_contract_has_not_is_unimplemented(wire: Wire) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        wire.raw("Guess", b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["Predict", "PredictBatch", "DescribeModel"])
@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"\x0a\x05toys", b"\x0a\x01\xff"], ids=repr)
def test_bytes_that_are_no_message_are_the_callers_fault(wire: Wire, method: str, content: bytes) -> None:
    refusal = refused(lambda: wire.raw(method, content))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE")
    assert refusal.violations[0].reason == "MALFORMED_MESSAGE"
    assert f"{method}Request" in refusal.message


@pytest.mark.parametrize("method", ["Predict", "PredictBatch", "DescribeModel"])
def test_a_call_without_any_message_is_the_callers_fault(wire: Wire, method: str) -> None:
    refusal = refused(lambda: wire.raw_stream(method)(iter(()), timeout=TIMEOUT))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE")
    assert f"{method}Request" in refusal.message


def subclasses(of: type[errors.PricingError]) -> Iterator[type[errors.PricingError]]:
    for cls in of.__subclasses__():
        yield cls
        yield from subclasses(cls)


def test_every_error_has_a_code_in_the_table() -> None:
    assert CODES[errors.Unauthenticated] is grpc.StatusCode.UNAUTHENTICATED
    assert CODES[errors.PermissionDenied] is grpc.StatusCode.PERMISSION_DENIED
    for cls in subclasses(errors.PricingError):
        assert any(base in CODES for base in cls.__mro__), cls
