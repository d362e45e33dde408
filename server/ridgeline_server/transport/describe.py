"""A version's manifest as DescribeModel tells it."""

from __future__ import annotations

from ridgeline import artifact
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.engine.artifact import Version
from ridgeline_server.transport.pack import model_ref

_KINDS = {"numeric": pb.FEATURE_KIND_NUMERIC, "categorical": pb.FEATURE_KIND_CATEGORICAL}
_POLICIES = {
    "clamp": pb.GUARD_POLICY_CLAMP,
    "reject": pb.GUARD_POLICY_REJECT,
    "fallback": pb.GUARD_POLICY_FALLBACK,
}


def description(
    version: Version, served: list[int], limits: pb.Limits, *, full: bool
) -> pb.DescribeModelResponse:
    """Describe a version; `full` adds coefficients and the reference profile."""
    manifest = version.manifest
    response = pb.DescribeModelResponse(
        model=model_ref(version),
        target=manifest.target,
        currency_code=manifest.currency,
        schema_fingerprint=manifest.schema_fingerprint,
        missing_tokens=manifest.missing_tokens,
        features=[_feature(f) for f in manifest.features],
        guard=_guard(manifest),
        interval=pb.Interval(level=manifest.interval.level, half_width=manifest.interval.half_width),
        limits=limits,
        metrics=_metrics(manifest),
        served_versions=served,
    )
    response.create_time.FromDatetime(manifest.created)
    if full:
        response.linear_form.CopyFrom(_linear_form(version.linear))
        response.reference_profile.extend(_profile(p) for p in version.reference.numeric)
    return response


def _feature(feature: artifact.Feature) -> pb.Feature:
    return pb.Feature(
        name=feature.name,
        kind=_KINDS[feature.kind],
        unit=feature.unit,
        description=feature.description,
        required=feature.required,
        valid_min=feature.valid_min,
        valid_max=feature.valid_max,
        training_min=feature.training_min,
        training_max=feature.training_max,
        missing_rate=feature.missing_rate,
        acceptable_missing_rate=feature.acceptable_missing_rate,
        categories=[pb.Category(value=c.value, share=c.share) for c in feature.categories],
        importance_rank=feature.importance_rank,
    )


def _guard(manifest: artifact.Manifest) -> pb.Guard:
    return pb.Guard(
        min_price=manifest.price_range.min,
        max_price=manifest.price_range.max,
        policy=_POLICIES[manifest.guard.policy],
        max_missing_share=manifest.guard.max_missing_share,
    )


def _metrics(manifest: artifact.Manifest) -> pb.Metrics:
    metrics = manifest.metrics
    return pb.Metrics(
        rmse=metrics.rmse,
        mae=metrics.mae,
        r2=float("nan") if metrics.r2 is None else metrics.r2,
        row_count=metrics.row_count,
        interval_coverage=manifest.interval.coverage,
    )


def _linear_form(linear: artifact.LinearForm) -> pb.LinearForm:
    return pb.LinearForm(
        base=linear.base,
        numeric_terms=[
            pb.NumericTerm(
                feature=t.name, fill=t.fill, centre=t.centre, scale=t.scale, coefficient=t.coefficient
            )
            for t in linear.numeric
        ],
        categorical_terms=[
            pb.CategoricalTerm(feature=t.name, amounts=t.amounts, unknown_amount=t.unknown_amount)
            for t in linear.categorical
        ],
    )


def _profile(profile: artifact.NumericProfile) -> pb.FeatureProfile:
    return pb.FeatureProfile(
        feature=profile.name, mean=profile.mean, standard_deviation=profile.sd, deciles=profile.deciles
    )
