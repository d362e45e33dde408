"""Locust users: one price at a time, batches, streams. Each asks again as soon as it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

import gevent  # type: ignore[import-untyped]  # published without types
import grpc
from grpc.experimental.gevent import init_gevent
from locust import User, task

from harness.answers import Outcome
from harness.load import Load
from harness.streams import Conversation
from harness.workload import Request
from ridgeline.v1 import pricing_service_pb2 as pb

REQUEST_TYPE = "grpc"
UNARY, BATCH, CHUNK = "Predict", "PredictBatch", "PredictStream, chunk"
"""Kinds of requests, as they are counted."""


def prepare_process() -> None:
    """Let gRPC work with gevent in this process: before any channel, and after any fork."""
    init_gevent()
    # gevent counts from when its loop last ran, before the imports: --run-time would be that much shorter.
    gevent.get_hub().loop.update_now()


class PricingUser(User):
    """A user of the load that the process shares."""

    abstract = True
    load: ClassVar[Load]
    _started: ClassVar[int] = 0

    @classmethod
    def use(cls, load: Load) -> None:
        """Let all users of this process ask through `load` from now on; the one before is closed."""
        if before := getattr(PricingUser, "load", None):
            before.close()
        PricingUser.load = load

    def on_start(self) -> None:
        """Make room for one more call under way."""
        # gRPC waits for each call in a thread of gevent's pool, 10 by default: with more calls than threads
        # an answer is seen only when another call has ended.
        PricingUser._started += 1
        pool = gevent.get_hub().threadpool
        pool.maxsize = max(pool.maxsize, 2 * PricingUser._started)

    def on_stop(self) -> None:
        """Count one user less."""
        PricingUser._started -= 1

    def report(self, kind: str, seconds: float, size: int, outcome: Outcome) -> None:
        """Count an answer, here and in Locust; refusals that had to be are a line of their own there."""
        self.load.recorder.record(kind, seconds, outcome)
        refused = not outcome.priced and not outcome.problem
        self.environment.events.request.fire(
            request_type=REQUEST_TYPE,
            name=f"{kind}, to be refused" if refused else kind,
            response_time=seconds * 1e3,
            response_length=size,
            exception=outcome.problem or None,
            context={},
        )

    def ask(
        self, kind: str, call: Callable[..., Any], request: Request, judge: Callable[[bytes], Outcome]
    ) -> None:
        """Send one request, wait for its answer, count it."""
        began = time.perf_counter()
        try:
            answer: bytes = call(request.data, timeout=self.load.options.deadline_s)
        except grpc.RpcError as error:
            seconds = time.perf_counter() - began
            self.report(kind, seconds, 0, self.load.judge.failure(request, error))
        else:
            seconds = time.perf_counter() - began
            self.report(kind, seconds, len(answer), judge(answer))


class UnaryUser(PricingUser):
    """Asks for one price at a time."""

    def on_start(self) -> None:
        """Choose a connection and where in the requests to begin."""
        super().on_start()
        self._call = self.load.call("Predict")
        self._requests = self.load.singles()

    @task
    def predict(self) -> None:
        """Ask for one price."""
        request = next(self._requests)
        judge = self.load.judge.prediction
        self.ask(UNARY, self._call, request, lambda a: judge(request, pb.PredictResponse.FromString(a)))


class BatchUser(PricingUser):
    """Sends batches."""

    def on_start(self) -> None:
        """Choose a connection and where in the batches to begin."""
        super().on_start()
        self._call = self.load.call("PredictBatch")
        self._requests = self.load.batches()

    @task
    def predict_batch(self) -> None:
        """Ask for a batch of prices."""
        request = next(self._requests)
        judge = self.load.judge.predictions
        self.ask(
            BATCH,
            self._call,
            request,
            lambda answer: judge(request, pb.PredictBatchResponse.FromString(answer).predictions),
        )


class StreamUser(PricingUser):
    """Holds streams: one after another, each with all chunks, some of them under way at a time."""

    def on_start(self) -> None:
        """Choose a connection."""
        super().on_start()
        self._call = self.load.call("PredictStream", stream=True)

    @task
    def predict_stream(self) -> None:
        """Send all chunks through one stream; a stream that breaks is one problem."""
        load, options = self.load, self.load.options
        conversation = Conversation(self._call, load.opening, load.chunks, options.window)
        began = time.perf_counter()
        try:
            for sequence, answered in enumerate(conversation.answers(options.deadline_s * len(load.chunks))):
                response = pb.PredictStreamResponse.FromString(answered.data)
                outcome = load.judge.chunk(answered.request, sequence, response)
                self.report(CHUNK, answered.seconds, len(answered.data), outcome)
        except grpc.RpcError as error:
            outcome = load.judge.failure(load.chunks[0], error)
            self.report(CHUNK, time.perf_counter() - began, 0, outcome)
        except EOFError as error:
            self.report(CHUNK, time.perf_counter() - began, 0, Outcome(problem=f"OK but {error}"))
