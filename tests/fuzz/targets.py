"""One input, one call. The first byte of an input chooses the call and the model, the rest is the message."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from google.protobuf.message import Message

from fuzz import judge
from fuzz.handlers import Handlers, Unforeseen
from ridgeline.v1 import pricing_service_pb2 as pb
from support import wire
from support.context import Aborted

REQUESTS: dict[str, type[Message]] = {
    "Predict": pb.PredictRequest,
    "PredictBatch": pb.PredictBatchRequest,
    "DescribeModel": pb.DescribeModelRequest,
    "open": pb.PredictStreamRequest,
    "chunk": pb.PredictStreamRequest,
}
"""What an input may be: the message of a unary call, or the first or second one of a stream."""

METHODS = {
    "Predict": "Predict",
    "PredictBatch": "PredictBatch",
    "DescribeModel": "DescribeModel",
    "chunk": "PredictStream",
}
"""The calls that `support.hostile` knows, by its names."""

POLICIES = ("clamp", "reject", "fallback")
"""What the guards of the models do; the last model also requires a feature."""

_CALLS = tuple(REQUESTS)
_OPEN = pb.PredictStreamRequest(open=pb.StreamOpen(notice_bitmaps=True)).SerializeToString()
_LAST = pb.PredictStreamRequest(
    chunk=pb.Chunk(sequence=2**63 - 1, columns=wire.columns([wire.record()]))  # after any other
).SerializeToString()


def framed(call: str, policy: str, content: bytes) -> bytes:
    """An input that is `content`, sent by a call to a model."""
    return bytes([_CALLS.index(call) + len(_CALLS) * POLICIES.index(policy)]) + content


def parts(data: bytes) -> tuple[str, str, bytes]:
    """The call, the policy and the content of any input."""
    policy, call = divmod(data[0] if data else 0, len(_CALLS))
    return _CALLS[call], POLICIES[policy % len(POLICIES)], data[1:]


class Fuzzer:
    """Answers inputs and judges the answers.

    Attributes:
        tally: inputs by call and status.
    """

    def __init__(self, models: Path) -> None:
        """`models` has a models directory for each policy: see `prepare`."""
        self._handlers = {policy: Handlers(models / policy / "models") for policy in POLICIES}
        self._unforeseen = Unforeseen()
        self.tally: Counter[tuple[str, str]] = Counter()

    def __call__(self, data: bytes) -> None:
        """Judge one input. Raises AssertionError, or the exception that the server did not foresee."""
        call, policy, content = parts(data)
        try:
            status = _answered(call, content, self._handlers[policy])
        except Aborted as error:
            judge.refusal(error, REQUESTS[call], content)
            status = error.code().name
        finally:
            self._unforeseen.reraise()
        self.tally[call, status] += 1


def _answered(call: str, content: bytes, handlers: Handlers) -> str:
    """Judge what is not refused as a whole; returns the status. Raises Aborted for what is."""
    manifest = handlers.version.manifest
    match call:
        case "Predict":
            response = pb.PredictResponse.FromString(handlers.ask(call, content))
            judge.single(pb.PredictRequest.FromString(content), response, manifest)
        case "PredictBatch":
            answer = pb.PredictBatchResponse.FromString(handlers.ask(call, content))
            request = pb.PredictBatchRequest.FromString(content)
            judge.batch(answer.predictions, request, request.notice_bitmaps, manifest)
        case "DescribeModel":
            described = pb.DescribeModelResponse.FromString(handlers.ask(call, content))
            assert described.model.digest == handlers.version.digest
        case _:
            return _streamed([content] if call == "open" else [_OPEN, content], handlers)
    return "OK"


def _streamed(contents: list[bytes], handlers: Handlers) -> str:
    """Every chunk is answered in its place, and a good one after them too."""
    contents = [*contents, _LAST]
    answers = map(pb.PredictStreamResponse.FromString, handlers.stream(contents))
    messages = map(pb.PredictStreamRequest.FromString, contents)
    assert next(answers).HasField("opened")
    bitmaps, status = next(messages).open.notice_bitmaps, "OK"
    for answer, message, content in zip(answers, messages, contents[1:], strict=True):
        result = answer.result
        assert result.sequence == message.chunk.sequence
        if result.HasField("error"):
            status = judge.chunk_error(result.error, content)
        else:
            judge.batch(result.predictions, message.chunk, bitmaps, handlers.version.manifest)
    return status
