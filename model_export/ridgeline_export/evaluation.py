"""Judges a fitted model on the holdout: accuracy of the served price and the prediction interval."""

from __future__ import annotations

from dataclasses import dataclass

from ridgeline import guard
from ridgeline.artifact import Fallback, Interval, Metrics, ReferenceProfile, SegmentMetrics
from ridgeline.guard import GuardRule
from ridgeline_export.conformal import calibrate
from ridgeline_export.dataset import Dataset
from ridgeline_export.fallback import fallback_of
from ridgeline_export.metrics import by_segment, measure, tiers
from ridgeline_export.pipeline import predict
from ridgeline_export.problems import ExportError
from ridgeline_export.profile import reference_profile
from ridgeline_export.schema import Schema
from ridgeline_export.schema_rules import TIER
from ridgeline_export.training import Trained


@dataclass(frozen=True)
class Evaluation:
    """What the holdout and the training rows say about a model."""

    fallback: Fallback
    interval: Interval
    metrics: Metrics
    segments: tuple[SegmentMetrics, ...]
    profile: ReferenceProfile


def evaluate(trained: Trained, dataset: Dataset, schema: Schema) -> Evaluation:
    """Price the holdout as it would be served and compare with the true prices.

    Raises:
        ExportError: the guard gave no holdout row a price.
    """
    numeric, categorical = [[f.name for f in part] for part in (schema.numeric, schema.categorical)]
    profile = reference_profile(dataset.training, numeric, categorical, schema.model.target)
    fallback = fallback_of(dataset.training, schema)
    rows = dataset.holdout
    model_price = predict(trained.pipeline, rows.numeric, rows.categorical)
    rule = GuardRule(schema.guard, schema.price_range, fallback, tuple(categorical), len(schema.features))
    price, _ = guard.apply(rule, model_price, rows.missing_count, lambda some: rows.categorical[some])
    metrics = measure(rows.target, price)
    if metrics is None:
        raise ExportError(
            "the guard rejected every holdout row; check the units of the target and price.min, max"
        )
    groups = {name: rows.categorical[:, categorical.index(name)] for name in schema.model.segments}
    groups[TIER] = tiers(rows.target, profile.tier_cut_points)
    segments = [s for name, values in groups.items() for s in by_segment(name, values, rows.target, price)]
    interval = calibrate(rows.target, model_price, schema.interval.level)
    return Evaluation(fallback, interval, metrics, tuple(segments), profile)
