"""A real gRPC server with a scripted pricing service, for tests of the client alone.

The stub prices a record at 100 plus the sum of its numbers. `script` puts failures in front: each entry is
used by one attempt of one method, `None` for "answer as usual".
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline.v1 import pricing_service_pb2_grpc as pb_grpc

DIGEST = "ab" * 32
BASE_PRICE = 100.0


@dataclass(frozen=True)
class Failure:
    """How one attempt fails: a code, a text, details of a google.rpc.Status and trailers."""

    code: grpc.StatusCode
    text: str = "scripted"
    details: Sequence[Any] = ()
    trailers: tuple[tuple[str, str], ...] = ()

    def abort(self, context: grpc.ServicerContext) -> NoReturn:
        """End the call with this failure."""
        if self.details:
            packed = [any_pb2.Any() for _ in self.details]
            for place, detail in zip(packed, self.details, strict=True):
                place.Pack(detail)
            status = rpc_status.to_status(
                status_pb2.Status(code=self.code.value[0], message=self.text, details=packed)
            )
            context.set_trailing_metadata(tuple(status.trailing_metadata) + self.trailers)
        else:
            context.set_trailing_metadata(self.trailers)
        context.abort(self.code, self.text)
        raise AssertionError("abort returned")


def feature(name: str, kind: pb.FeatureKind = pb.FEATURE_KIND_NUMERIC, **facts: Any) -> pb.Feature:
    """One feature of a description."""
    return pb.Feature(name=name, kind=kind, **facts)


def description(**changes: Any) -> pb.DescribeModelResponse:
    """A small model: three numbers and three categories, one of them coded by integers."""
    categories = [pb.Category(value="Auralite", share=0.6), pb.Category(value="007", share=0.4)]
    wire = pb.DescribeModelResponse(
        model=pb.ModelRef(name="techmart", version=3, digest=DIGEST),
        target="price",
        currency_code="USD",
        schema_fingerprint="cd" * 32,
        features=[
            feature("screen_size", unit="inch", training_min=4.0, training_max=8.0, importance_rank=1),
            feature("ram", unit="GB", training_min=2.0, training_max=16.0, valid_min=0.0, importance_rank=2),
            feature("weight", unit="g"),
            feature("brand", pb.FEATURE_KIND_CATEGORICAL, categories=categories, importance_rank=3),
            feature("shelf", pb.FEATURE_KIND_CATEGORICAL, categories=[pb.Category(value="7", share=1.0)]),
            feature("colour", pb.FEATURE_KIND_CATEGORICAL, categories=[pb.Category(value="", share=1.0)]),
        ],
        guard=pb.Guard(min_price=10, max_price=500, policy=pb.GUARD_POLICY_CLAMP, max_missing_share=0.5),
        interval=pb.Interval(level=0.9, half_width=13.5),
        limits=pb.Limits(max_rows=10_000, max_records=1_000, max_message_bytes=16 * 1024 * 1024),
        metrics=pb.Metrics(rmse=8.2, mae=6.1, r2=0.98, row_count=10_000, interval_coverage=0.9),
        served_versions=[2, 3],
    )
    wire.create_time.FromJsonString("2026-01-02T03:04:05Z")
    for name, value in changes.items():
        wire.ClearField(name)
        wire.MergeFrom(pb.DescribeModelResponse(**{name: value}))
    return wire


@dataclass
class StubServicer(pb_grpc.PricingServiceServicer):
    """Answers as scripted and remembers what it was asked."""

    description: pb.DescribeModelResponse = field(default_factory=description)
    script: dict[str, deque[Failure | None]] = field(default_factory=lambda: defaultdict(deque))
    requests: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    seconds_left: list[float] = field(default_factory=list)
    metadata: list[dict[str, Any]] = field(default_factory=list)
    hold: threading.Event | None = None
    """When set, prices are held back until the event is."""
    priced: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released once per request for one price, when it has arrived."""

    def fail(self, method: str, *failures: Failure | None) -> None:
        """Script the next attempts of a method."""
        self.script[method].extend(failures)

    def _enter(self, method: str, request: Any, context: grpc.ServicerContext) -> None:
        self.requests[method].append(request)
        self.seconds_left.append(context.time_remaining())
        self.metadata.append(dict(context.invocation_metadata()))
        failure = self.script[method].popleft() if self.script[method] else None
        if failure is not None:
            failure.abort(context)

    def DescribeModel(
        self, request: pb.DescribeModelRequest, context: grpc.ServicerContext
    ) -> pb.DescribeModelResponse:
        self._enter("DescribeModel", request, context)
        answer = pb.DescribeModelResponse()
        answer.CopyFrom(self.description)
        if request.view == pb.DESCRIBE_VIEW_FULL:
            answer.linear_form.base = BASE_PRICE
            answer.linear_form.numeric_terms.add(feature="ram", fill=8, centre=8, scale=4, coefficient=20)
            answer.linear_form.categorical_terms.add(feature="brand", amounts={"007": 7.0})
            answer.reference_profile.add(feature="ram", mean=8, standard_deviation=4, deciles=range(1, 10))
        return answer

    def Predict(self, request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictResponse:
        self._enter("Predict", request, context)
        self.priced.release()
        if self.hold is not None:
            self.hold.wait(10)
        given = {name: value for name, value in request.record.numeric.items() if not math.isnan(value)}
        price = BASE_PRICE + sum(given.values())
        answer = pb.PredictResponse(
            model=self.description.model,
            currency_code="USD",
            prediction_set_id="set-1",
            prediction=pb.Prediction(
                record_id=request.record.record_id,
                price=price,
                model_price=price,
                lower=math.nan if price > 500 else price - 13.5,
                upper=math.nan if price > 500 else price + 13.5,
                flags=1,
                notices=[pb.Notice(kind=pb.NOTICE_KIND_IMPUTED, feature="ram", used="8", message="[ram]")],
            ),
        )
        if request.explain:
            answer.explanation.base = BASE_PRICE
            for name, value in given.items():
                answer.explanation.contributions.add(feature=name, amount=value)
        return answer

    def PredictBatch(
        self, request: pb.PredictBatchRequest, context: grpc.ServicerContext
    ) -> pb.PredictBatchResponse:
        self._enter("PredictBatch", request, context)
        rows = request.columns.row_count
        answer = pb.PredictBatchResponse(
            model=self.description.model, currency_code="USD", prediction_set_id="set-2"
        )
        batch = answer.predictions
        batch.row_count = rows
        for prices in (batch.price, batch.model_price, batch.lower, batch.upper):
            prices.extend([BASE_PRICE + row for row in range(rows)])
        batch.flags.extend([row % 2 for row in range(rows)])
        batch.notice_counts.add(kind=pb.NOTICE_KIND_IMPUTED, feature="ram", count=rows // 2)
        batch.row_errors.add(row=1, feature="weight", code=3, reason="OUT_OF_VALID_RANGE", message="heavy")
        batch.row_error_count = batch.error_row_count = 1
        if request.notice_bitmaps:
            cells = rows * len(self.description.features)
            bits = sum(1 << cell for cell in range(1, cells, 7))
            batch.notice_bitmaps.add(
                kind=pb.NOTICE_KIND_IMPUTED, bits=bits.to_bytes((cells + 7) // 8, "little")
            )
        return answer


@dataclass(frozen=True)
class StubServer:
    """A running server and its servicer."""

    address: str
    servicer: StubServicer
    health: health.HealthServicer
    server: grpc.Server


@contextmanager
def running_stub(servicer: StubServicer | None = None, *, max_receive: int = -1) -> Iterator[StubServer]:
    """Run a stub on a free port of 127.0.0.1 until the block ends."""
    servicer = servicer or StubServicer()
    server = grpc.server(
        futures.ThreadPoolExecutor(4),
        options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", max_receive)],
    )
    pb_grpc.add_PricingServiceServicer_to_server(servicer, server)
    health_servicer = health.HealthServicer()
    health_servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_servicer.set("ridgeline.draining", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield StubServer(f"127.0.0.1:{port}", servicer, health_servicer, server)
    finally:
        if servicer.hold is not None:
            servicer.hold.set()
        server.stop(None).wait()
