"""Fits the pipeline on the training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline

from ridgeline.artifact import CategoryShare, LinearForm
from ridgeline_export.dataset import Dataset
from ridgeline_export.linear import linear_form
from ridgeline_export.pipeline import fit_pipeline
from ridgeline_export.problems import ExportError
from ridgeline_export.profile import category_shares
from ridgeline_export.schema import Schema


@dataclass(frozen=True)
class Trained:
    """A fitted model, the same model as a formula, and each categorical feature's training shares."""

    pipeline: Pipeline
    alpha: float
    form: LinearForm
    shares: list[tuple[CategoryShare, ...]]


def train(dataset: Dataset, schema: Schema) -> Trained:
    """Fit on the training rows only; the holdout is never trained on.

    Raises:
        ExportError: the fit is not finite.
    """
    rows = dataset.training
    alpha = schema.penalty.alpha(len(rows))
    pipeline = fit_pipeline(rows.numeric, rows.categorical, rows.target, alpha)
    ridge = pipeline.named_steps["ridge"]
    if not (np.all(np.isfinite(ridge.coef_)) and np.all(np.isfinite(ridge.intercept_))):
        raise ExportError(
            "the fitted coefficients are not finite; raise penalty.value or look for extreme values"
        )
    numeric, categorical = [[f.name for f in part] for part in (schema.numeric, schema.categorical)]
    shares = [category_shares(rows.categorical[:, j]) for j in range(len(categorical))]
    return Trained(pipeline, alpha, linear_form(pipeline, numeric, categorical, shares), shares)
