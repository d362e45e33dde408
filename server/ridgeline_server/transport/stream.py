"""PredictStream: one result per chunk, in order. One chunk at a time is in memory; gRPC's flow control does
the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from ridgeline import packed
from ridgeline.packed import Part
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.domain import PredictOptions
from ridgeline_server.errors import InvalidInput, Violation
from ridgeline_server.rollout.catalog import Catalog, Pin
from ridgeline_server.transport import fields, pack, unpack
from ridgeline_server.transport.call import Call
from ridgeline_server.transport.fields import FieldLimit
from ridgeline_server.transport.payload import priced
from ridgeline_server.transport.rpc import StreamMethod
from ridgeline_server.transport.status import rpc_status_of

_LONGEST_JOB_ID = 128


class PricingStream:
    """Answers streams with the versions of `catalog()`; `new_id` names the answers of jobs without a name."""

    def __init__(self, catalog: Callable[[], Catalog], limits: pb.Limits, new_id: Callable[[], str]) -> None:
        self._catalog = catalog
        self._limits = limits
        self._new_id = new_id

    def method(self) -> StreamMethod:
        """PredictStream."""
        limit = FieldLimit(fields.PREDICT_STREAM, fields.most(self._limits))
        return StreamMethod(pb.PredictStreamRequest, self.answer, limit.check)

    def answer(self, messages: Iterator[pb.PredictStreamRequest], call: Call) -> Iterator[bytes]:
        """Answer one stream. Raises PricingError for what ends it; a bad chunk is answered in its place."""
        job = _Job.of(_open(next(messages, None)))
        version = call.version = self._catalog().resolve(job.model, job.pin)
        yield pb.PredictStreamResponse(
            opened=pb.StreamOpened(
                model=pack.model_ref(version),
                currency_code=version.manifest.currency,
                limits=self._limits,
                schema_fingerprint=version.schema.fingerprint,
            )
        ).SerializeToString()
        last = -1
        for message in messages:
            chunk = _chunk(message, last)
            last = chunk.sequence
            result = self._result(job, chunk, call)
            yield b"".join(packed.message(pb.PredictStreamResponse.RESULT_FIELD_NUMBER, result))

    def _result(self, job: _Job, chunk: pb.Chunk, call: Call) -> list[Part]:
        """The parts of a serialised pb.ChunkResult."""
        try:
            version = call.version = self._catalog().resolve(job.model, job.pin)
            answer = priced(chunk, version, job.options, self._limits, call)
            result = pb.ChunkResult(
                sequence=chunk.sequence,
                model=pack.model_ref(version),
                prediction_set_id=job.prediction_set_id(chunk.sequence) or self._new_id(),
            )
            predictions = pack.prediction_batch(version, answer, job.notice_bitmaps)
            number = pb.ChunkResult.PREDICTIONS_FIELD_NUMBER
            return [result.SerializeToString(), *packed.message(number, predictions)]
        except Exception as error:  # noqa: BLE001  # see `Call.tell`
            status = rpc_status_of(call.tell(error), call.request_id)
            return [pb.ChunkResult(sequence=chunk.sequence, error=status).SerializeToString()]


class _Job:
    """What a stream was opened with."""

    def __init__(self, opened: pb.StreamOpen, options: PredictOptions, pin: Pin) -> None:
        self.model = opened.model
        self.pin = pin
        self.options = options
        self.notice_bitmaps = opened.notice_bitmaps
        self._job_id = opened.job_id

    @classmethod
    def of(cls, opened: pb.StreamOpen) -> _Job:
        """Check and keep the fields of `open`."""
        if len(opened.job_id) > _LONGEST_JOB_ID:
            text = f"job_id has {len(opened.job_id)} characters: at most {_LONGEST_JOB_ID} are allowed"
            raise InvalidInput([Violation(Reason.INVALID_FIELD, text, "open.job_id")])
        try:
            return cls(opened, unpack.options(opened.options), unpack.pin(opened.choice))
        except InvalidInput as error:
            raise error.below("open") from None

    def prediction_set_id(self, sequence: int) -> str:
        """The name of a chunk's answer, the same whenever the job asks again; "" for a job without a name."""
        if not self._job_id:
            return ""
        return hashlib.sha256(f"{sequence}:{self._job_id}".encode()).hexdigest()[:32]


def _open(message: pb.PredictStreamRequest | None) -> pb.StreamOpen:
    if message is None or message.WhichOneof("message") != "open":
        raise _out_of_order("the first message of a stream must be open")
    return message.open


def _chunk(message: pb.PredictStreamRequest, last: int) -> pb.Chunk:
    if message.WhichOneof("message") != "chunk":
        raise _out_of_order("after open every message must be a chunk")
    if message.chunk.sequence <= last:
        numbers = f"{message.chunk.sequence} after {last}"
        raise _out_of_order(f"chunk.sequence is {numbers}: expected strictly increasing numbers from 0")
    return message.chunk


def _out_of_order(text: str) -> InvalidInput:
    return InvalidInput([Violation(Reason.STREAM_ORDER, text, "message")], reason=Reason.STREAM_ORDER)
