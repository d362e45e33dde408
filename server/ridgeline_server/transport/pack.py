"""Answers of the price path to messages."""

from __future__ import annotations

import math
from typing import cast

from google.rpc import code_pb2

from ridgeline.notices import NoticeKind
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.domain import Explanation, PredictionBatch
from ridgeline_server.engine.artifact import Version
from ridgeline_server.engine.notices import notice_bitmaps, notice_counts, row_notices

_KINDS = {kind: cast("pb.NoticeKind", kind.value) for kind in NoticeKind}


def model_ref(version: Version) -> pb.ModelRef:
    """The version that answered."""
    manifest = version.manifest
    return pb.ModelRef(name=manifest.name, version=manifest.version, digest=version.digest)


def prediction(version: Version, answer: PredictionBatch, record_id: str) -> pb.Prediction:
    """The first row of an answer, with every notice."""
    notices = [
        pb.Notice(kind=_KINDS[n.kind], feature=n.feature, received=n.received, used=n.used, message=n.message)
        for n in row_notices(version, answer)
    ]
    return pb.Prediction(
        record_id=record_id,
        price=answer.price[0],
        model_price=answer.model_price[0],
        lower=answer.lower[0],
        upper=answer.upper[0],
        flags=int(answer.flags[0]),
        notices=notices,
    )


def explanation(of: Explanation) -> pb.Explanation:
    """An exact explanation."""
    contributions = [pb.Contribution(feature=name, amount=amount) for name, amount in of.contributions]
    return pb.Explanation(base=of.base, contributions=contributions)


def prediction_batch(version: Version, answer: PredictionBatch, bitmaps: bool) -> pb.PredictionBatch:
    """All rows of an answer, in columns."""
    checked = answer.checked
    counts = [
        pb.NoticeCount(kind=_KINDS[kind], feature=feature, count=count)
        for kind, feature, count in notice_counts(version, answer)
    ]
    maps = notice_bitmaps(version, answer) if bitmaps else []
    return pb.PredictionBatch(
        row_count=len(answer.price),
        # from lists: assigning an array walks it element by element through NumPy scalars, five times slower
        price=answer.price.tolist(),
        model_price=answer.model_price.tolist(),
        lower=answer.lower.tolist(),
        upper=answer.upper.tolist(),
        flags=answer.flags.tolist(),
        notice_counts=counts,
        notice_bitmaps=[pb.NoticeBitmap(kind=_KINDS[kind], bits=bits) for kind, bits in maps],
        row_errors=[
            pb.RowError(
                row=v.row or 0,
                feature=v.feature[:200],
                code=code_pb2.INVALID_ARGUMENT,
                reason=v.reason.value,
                message=v.message,
            )
            for v in checked.violations
        ],
        row_error_count=checked.violation_count,
        error_row_count=int(checked.refused.sum()),
    )


def is_rejected(answer: PredictionBatch) -> bool:
    """True when the only row of an answer has no price."""
    return math.isnan(answer.price[0])
