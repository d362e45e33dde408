"""Answers of the price path to messages."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import cast

from google.rpc import code_pb2

from ridgeline import packed
from ridgeline.notices import NoticeKind
from ridgeline.packed import Part
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.domain import Explanation, Notice, PlainPrediction, PredictionBatch
from ridgeline_server.engine.artifact import Version
from ridgeline_server.engine.notices import notice_bitmaps, notice_counts, row_notices, unseen_notices

_FIXED64 = 1
_PRICE_TAGS = tuple(
    number << 3 | _FIXED64
    for number in (
        pb.Prediction.PRICE_FIELD_NUMBER,
        pb.Prediction.MODEL_PRICE_FIELD_NUMBER,
        pb.Prediction.LOWER_FIELD_NUMBER,
        pb.Prediction.UPPER_FIELD_NUMBER,
    )
)
_PRICES = struct.Struct("<BdBdBdBd")
_KINDS = {kind: cast("pb.NoticeKind", kind.value) for kind in NoticeKind}


def model_ref(version: Version) -> pb.ModelRef:
    """The version that answered."""
    manifest = version.manifest
    return pb.ModelRef(name=manifest.name, version=manifest.version, digest=version.digest)


class Answers:
    """What answers to single records of one version have in common, serialised once."""

    def __init__(self, version: Version) -> None:
        head = pb.PredictResponse(model=model_ref(version), currency_code=version.manifest.currency)
        self._version = version
        self._head = head.SerializeToString()
        self._imputed = _packed_notices(version.imputed)

    def plain(self, answer: PlainPrediction, record_id: str, answer_id: str) -> list[Part]:
        """The parts of a serialised pb.PredictResponse, all but an explanation."""
        prices = _four_prices(answer.price, answer.price, answer.lower, answer.upper)
        notices = [self._imputed[place] for place in answer.gaps]
        if answer.unknown or answer.outside:
            notices += _packed_notices(unseen_notices(self._version, answer))
        return self._parts([prices, *_rest(record_id, answer.flags), *notices], answer_id)

    def full(self, answer: PredictionBatch, record_id: str, answer_id: str) -> list[Part]:
        """The parts of a serialised pb.PredictResponse, all but an explanation."""
        numbers = (answer.price, answer.model_price, answer.lower, answer.upper)
        parts = [_four_prices(*(values.item() for values in numbers)), *_rest(record_id, answer.flags.item())]
        parts += _packed_notices(row_notices(self._version, answer))
        return self._parts(parts, answer_id)

    def _parts(self, prediction: list[Part], answer_id: str) -> list[Part]:
        fields = pb.PredictResponse
        return [
            self._head,
            packed.short_message(fields.PREDICTION_SET_ID_FIELD_NUMBER, answer_id.encode()),
            *packed.message(fields.PREDICTION_FIELD_NUMBER, prediction),
        ]


def _rest(record_id: str, flags: int) -> list[Part]:
    if not record_id and not flags:
        return []
    return [pb.Prediction(record_id=record_id, flags=flags).SerializeToString()]


def _packed_notices(notices: Iterable[Notice]) -> list[bytes]:
    messages = (
        pb.Notice(kind=_KINDS[n.kind], feature=n.feature, received=n.received, used=n.used, message=n.message)
        for n in notices
    )
    number = pb.Prediction.NOTICES_FIELD_NUMBER
    return [packed.short_message(number, message.SerializeToString()) for message in messages]


def _four_prices(*prices: float) -> bytes:
    return _PRICES.pack(*itertools.chain.from_iterable(zip(_PRICE_TAGS, prices, strict=True)))


def explanation(of: Explanation) -> list[Part]:
    """An exact explanation: the parts of a pb.PredictResponse that has nothing else."""
    contributions = [pb.Contribution(feature=name, amount=amount) for name, amount in of.contributions]
    message = pb.Explanation(base=of.base, contributions=contributions)
    return packed.message(pb.PredictResponse.EXPLANATION_FIELD_NUMBER, [message.SerializeToString()])


def prediction_batch(version: Version, answer: PredictionBatch, bitmaps: bool) -> list[Part]:
    """All rows of an answer in columns: the parts of a serialised pb.PredictionBatch."""
    checked = answer.checked
    maps = notice_bitmaps(version, answer) if bitmaps else []
    rest = pb.PredictionBatch(
        row_count=len(answer.price),
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
        error_row_count=0 if checked.refused is None else int(checked.refused.sum()),
    )
    fields = pb.PredictionBatch
    return [
        *packed.reals(fields.PRICE_FIELD_NUMBER, answer.price),
        *packed.reals(fields.MODEL_PRICE_FIELD_NUMBER, answer.model_price),
        *packed.reals(fields.LOWER_FIELD_NUMBER, answer.lower),
        *packed.reals(fields.UPPER_FIELD_NUMBER, answer.upper),
        *packed.counts(fields.FLAGS_FIELD_NUMBER, answer.flags),
        *_notice_counts(version, answer),
        rest.SerializeToString(),
    ]


def _notice_counts(version: Version, answer: PredictionBatch) -> Iterator[Part]:
    """A batch has a count for nearly every feature, so what they have in common is serialised once."""
    number, count_number = pb.PredictionBatch.NOTICE_COUNTS_FIELD_NUMBER, pb.NoticeCount.COUNT_FIELD_NUMBER
    for kind, feature, count in notice_counts(version, answer):
        # a name that was ignored is a caller's, and there is no end of those
        head = _counted(kind, feature) if kind is NoticeKind.FEATURE_IGNORED else _kept(kind, feature)
        yield packed.short_message(number, head + packed.count(count_number, count))


def _counted(kind: NoticeKind, feature: str) -> bytes:
    """A pb.NoticeCount without its count."""
    return pb.NoticeCount(kind=_KINDS[kind], feature=feature).SerializeToString()


_kept = lru_cache(maxsize=100_000)(_counted)


def is_rejected(answer: PredictionBatch) -> bool:
    """True when the only row of an answer has no price."""
    return math.isnan(answer.price[0])
