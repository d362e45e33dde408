"""Writes what fuzzing starts from into a folder: models/POLICY, a model for each policy, and seeds/."""

from __future__ import annotations

import hashlib
import random
import shutil
import struct
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from fuzz.targets import METHODS, POLICIES, framed
from ridgeline.v1 import pricing_service_pb2 as pb
from support import hostile, toys, wire

_VALID, _HOSTILE = 9, 48  # of each call: many enough for every kind with every policy
_LONGEST = 1_000  # bytes: short seeds are tried more often

_IGNORE = pb.PredictOptions(unknown_features=pb.UNKNOWN_FEATURES_IGNORE_AND_REPORT)


def seeds() -> Iterator[bytes]:
    """Yield inputs: good messages of every call, hostile ones of every kind, and those that matter most."""
    rng, policies = random.Random(0), cycle(POLICIES)
    for call, method in METHODS.items():
        messages = [hostile.valid(method, rng) for _ in range(_VALID)]
        messages += [content for _, content in hostile.inputs(method, _HOSTILE, seed=0)]
        yield from (framed(call, next(policies), content) for content in messages if len(content) <= _LONGEST)
    yield from (framed("open", next(policies), message.SerializeToString()) for message in _openings())
    yield from (framed("PredictBatch", "clamp", message.SerializeToString()) for message in _beyond_limits())
    yield from (framed("PredictBatch", "clamp", content) for content in _found())


def _openings() -> Iterator[pb.PredictStreamRequest]:
    choices = (None, pb.ModelChoice(version=1), pb.ModelChoice(label="x"), pb.ModelChoice(digest="0"))
    for choice in choices:
        opened = pb.StreamOpen(model="toys", choice=choice, options=_IGNORE, job_id="job")
        yield pb.PredictStreamRequest(open=opened)
    yield pb.PredictStreamRequest(open=pb.StreamOpen(job_id="x" * 129))


def _beyond_limits() -> Iterator[pb.PredictBatchRequest]:
    many = pb.Record(numeric={f"{number:x}": 1.0 for number in range(1_006)})  # that no model has
    long = pb.Record(numeric={f"{number}{'é' * 240}": 1.0 for number in range(20)})
    for form in ("rows", "columns"):
        yield from (wire.batch_request(form, rows) for rows in ([wire.record()] * 41, [many], [long]))


def _found() -> Iterator[bytes]:
    """What was answered wrongly once, and is found again by luck only."""
    single = pb.PredictBatchRequest(columns=wire.columns([wire.record(ram=32.0)], single=True))
    yield single.SerializeToString().replace(struct.pack("<f", 32.0), b"\x01\x00\x80\x7f")  # a signalling NaN
    nothing = pb.RecordBatch(numeric=pb.NumericColumns(names=["x"]))
    yield pb.PredictBatchRequest(columns=nothing, options=_IGNORE).SerializeToString()


def write(folder: Path) -> None:
    """Write all of it; what was in the folder's models/ and seeds/ is gone."""
    for name in ("models", "seeds"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for policy in POLICIES:
        toys.export(folder / "models" / policy, policy, required=policy == POLICIES[-1])
    (folder / "seeds").mkdir()
    for content in seeds():
        (folder / "seeds" / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
