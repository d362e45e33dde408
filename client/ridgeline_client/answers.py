"""From the messages of the contract to the results of this package."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from ridgeline.notices import NoticeKind
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import description as desc
from ridgeline_client import results
from ridgeline_client.status import error_of_status

_POLICIES = {
    pb.GUARD_POLICY_CLAMP: "clamp",
    pb.GUARD_POLICY_REJECT: "reject",
    pb.GUARD_POLICY_FALLBACK: "fallback",
}

Scalar = TypeVar("Scalar", bound=np.generic)


def model_ref(wire: pb.ModelRef) -> results.ModelRef:
    """Return the version that answered."""
    return results.ModelRef(wire.name, wire.version, wire.digest)


def prediction(wire: pb.PredictResponse) -> results.Prediction:
    """Return the answer to one record."""
    row = wire.prediction
    return results.Prediction(
        price=row.price,
        model_price=row.model_price,
        lower=row.lower,
        upper=row.upper,
        flags=row.flags,
        notices=tuple(_notice(notice) for notice in row.notices),
        currency=wire.currency_code,
        model=model_ref(wire.model),
        prediction_set_id=wire.prediction_set_id,
        record_id=row.record_id,
        explanation=_explanation(wire.explanation) if wire.HasField("explanation") else None,
    )


def prediction_batch(wire: pb.PredictBatchResponse, features: tuple[str, ...]) -> results.PredictionBatch:
    """Return the answer to a batch; `features` are the columns of its bitmaps, () without bitmaps."""
    return _batch(wire, wire.currency_code, features)


def chunk_result(
    wire: pb.ChunkResult, currency: str, row_count: int, features: tuple[str, ...], target: str
) -> results.ChunkResult:
    """Return the answer to one chunk of `row_count` rows; `features` as in `prediction_batch`."""
    if wire.HasField("error"):
        error = error_of_status(wire.error, target)
        return results.ChunkResult(wire.sequence, row_count, None, error)
    return results.ChunkResult(wire.sequence, row_count, _batch(wire, currency, features))


def _batch(
    wire: pb.PredictBatchResponse | pb.ChunkResult, currency: str, features: tuple[str, ...]
) -> results.PredictionBatch:
    rows = wire.predictions
    kinds = NoticeKind
    return results.PredictionBatch(
        price=_doubles(rows.price),
        model_price=_doubles(rows.model_price),
        lower=_doubles(rows.lower),
        upper=_doubles(rows.upper),
        flags=_read_only(np.array(rows.flags, dtype=np.int32)),
        notice_counts=tuple(
            results.NoticeCount(kinds(n.kind), n.feature, n.count) for n in rows.notice_counts
        ),
        row_errors=tuple(
            results.RowError(e.row, e.feature, e.code, e.reason, e.message) for e in rows.row_errors
        ),
        row_error_count=rows.row_error_count,
        error_row_count=rows.error_row_count,
        currency=currency,
        model=model_ref(wire.model),
        prediction_set_id=wire.prediction_set_id,
        features=features,
        bitmaps={kinds(bitmap.kind): bitmap.bits for bitmap in rows.notice_bitmaps},
    )


def model_description(wire: pb.DescribeModelResponse) -> desc.ModelDescription:
    """Return what a model version expects and promises."""
    return desc.ModelDescription(
        model=model_ref(wire.model),
        created=wire.create_time.ToDatetime(tzinfo=UTC),
        target=wire.target,
        currency=wire.currency_code,
        schema_fingerprint=wire.schema_fingerprint,
        missing_tokens=tuple(wire.missing_tokens),
        features=tuple(_feature(feature) for feature in wire.features),
        guard=_guard(wire.guard),
        interval=desc.Interval(wire.interval.level, wire.interval.half_width),
        limits=desc.Limits(wire.limits.max_rows, wire.limits.max_records, wire.limits.max_message_bytes),
        metrics=_metrics(wire.metrics),
        served_versions=tuple(wire.served_versions),
        linear_form=_linear_form(wire.linear_form) if wire.HasField("linear_form") else None,
        reference_profile=tuple(
            desc.FeatureProfile(p.feature, p.mean, p.standard_deviation, tuple(p.deciles))
            for p in wire.reference_profile
        ),
    )


def _notice(wire: pb.Notice) -> results.Notice:
    kind = NoticeKind(wire.kind)
    return results.Notice(kind, wire.feature, wire.received, wire.used, wire.message)


def _explanation(wire: pb.Explanation) -> results.Explanation:
    parts = tuple(results.Contribution(part.feature, part.amount) for part in wire.contributions)
    return results.Explanation(wire.base, parts)


def _doubles(values: Iterable[float]) -> results.FloatArray:
    return _read_only(np.array(values, dtype=np.float64))


def _read_only(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    array.setflags(write=False)
    return array


def _feature(wire: pb.Feature) -> desc.Feature:
    return desc.Feature(
        name=wire.name,
        kind=_kind(wire.kind),
        unit=wire.unit,
        description=wire.description,
        required=wire.required,
        valid_min=wire.valid_min if wire.HasField("valid_min") else None,
        valid_max=wire.valid_max if wire.HasField("valid_max") else None,
        training_min=wire.training_min if wire.HasField("training_min") else None,
        training_max=wire.training_max if wire.HasField("training_max") else None,
        missing_rate=wire.missing_rate,
        acceptable_missing_rate=wire.acceptable_missing_rate,
        categories=tuple(desc.Category(category.value, category.share) for category in wire.categories),
        importance_rank=wire.importance_rank,
    )


def _kind(wire: int) -> Literal["numeric", "categorical"]:
    return "categorical" if wire == pb.FEATURE_KIND_CATEGORICAL else "numeric"


def _guard(wire: pb.Guard) -> desc.Guard:
    policy = _POLICIES.get(wire.policy, str(wire.policy))  # a number: a policy that only a newer server knows
    return desc.Guard(wire.min_price, wire.max_price, policy, wire.max_missing_share)


def _metrics(wire: pb.Metrics) -> desc.Metrics:
    return desc.Metrics(wire.rmse, wire.mae, wire.r2, wire.row_count, wire.interval_coverage)


def _linear_form(wire: pb.LinearForm) -> desc.LinearForm:
    return desc.LinearForm(
        base=wire.base,
        numeric_terms=tuple(
            desc.NumericTerm(term.feature, term.fill, term.centre, term.scale, term.coefficient)
            for term in wire.numeric_terms
        ),
        categorical_terms=tuple(
            desc.CategoricalTerm(term.feature, dict(term.amounts), term.unknown_amount)
            for term in wire.categorical_terms
        ),
    )
