"""How one call is answered: a fake context in place of a channel."""

from __future__ import annotations

from typing import cast

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.monitoring.observer import Observers
from ridgeline_server.transport.call import Call, Calls
from ridgeline_server.transport.rpc import UnaryMethod, answer
from support.context import Aborted, Context


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
    with pytest.raises(Aborted) as caught:
        answered(raw, asked, context)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert not asked
