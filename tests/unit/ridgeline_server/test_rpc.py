"""How one call is answered: a fake context in place of a channel."""

from __future__ import annotations

from typing import Any, NoReturn, cast

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.monitoring.observer import Observers
from ridgeline_server.transport.call import Call, Calls
from ridgeline_server.transport.rpc import UnaryMethod, answer


class Aborted(Exception):
    """What the fake context raises where grpcio raises an exception of its own."""


class Context:
    """A call whose caller is there or has left."""

    def __init__(self, active: bool) -> None:
        self._active = active
        self.code = grpc.StatusCode.OK

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    def set_trailing_metadata(self, metadata: object) -> None:
        pass

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def is_active(self) -> bool:
        return self._active

    def abort_with_status(self, status: Any) -> NoReturn:
        self.code = status.code
        raise Aborted


def method(asked: list[pb.PredictRequest]) -> UnaryMethod:
    def price(request: pb.PredictRequest, _: Call) -> bytes:
        asked.append(request)
        return pb.PredictResponse(prediction_set_id=request.model).SerializeToString()

    return UnaryMethod(pb.PredictRequest, price)


def answered(raw: bytes | None, asked: list[pb.PredictRequest], fake: Context) -> bytes:
    context = cast("grpc.ServicerContext", fake)
    return answer(raw, method(asked), Calls(Observers(), slow_s=60.0).begin("Predict", context), context)


def test_a_call_is_answered_with_the_bytes_of_the_answer() -> None:
    context, asked = Context(active=True), list[pb.PredictRequest]()
    raw = pb.PredictRequest(model="toys").SerializeToString()
    got = answered(raw, asked, context)
    assert pb.PredictResponse.FromString(got).prediction_set_id == "toys"
    assert asked == [pb.PredictRequest(model="toys")]


@pytest.mark.parametrize("raw", [b"", b"\xff", None])
def test_for_a_caller_who_has_left_no_work_is_done(raw: bytes | None) -> None:
    context, asked = Context(active=False), list[pb.PredictRequest]()
    with pytest.raises(Aborted):
        answered(raw, asked, context)
    assert context.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert not asked
