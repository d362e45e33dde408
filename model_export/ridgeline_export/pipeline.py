"""The scikit-learn pipeline that is trained and exported: two tensors in, one price out.

Columns go by position, because skl2onnx refuses names on a graph with two input tensors. It prices like the
pipeline of a notebook (`SimpleImputer`, `StandardScaler`, `OneHotEncoder`, `Ridge` with scikit-learn's
defaults over named columns and NaN), with two differences that do not change a price: a numeric column
without any value in training keeps its place, with coefficient 0, and a missing category is "", not NaN.

With many categories scikit-learn's default solver is an iterative one that stops up to cents away from the
exact answer. So `fit_pipeline` takes care to use it exactly when the notebook would, on the notebook's
columns in the notebook's order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ridgeline.missing import MISSING_CATEGORY

Numeric = npt.NDArray[np.float64]
"""float64[n, k], NaN = missing."""

Categorical = npt.NDArray[np.object_]
"""object[n, m] of str, "" = missing."""


NOTEBOOK_SPARSE_THRESHOLD = 0.3
"""ColumnTransformer's default: a design matrix less dense than this is sparse."""


def make_pipeline(numeric_count: int, categorical_count: int, alpha: float) -> Pipeline:
    """Return the unfitted pipeline over `frame(numeric, categorical)`; either count may be 0, not both.

    A missing category is a level of its own when training has some and adds nothing otherwise, as a
    category never seen adds nothing. `alpha` is scikit-learn's.
    """
    if numeric_count + categorical_count == 0:
        raise ValueError("a model needs at least one feature")
    parts: list[tuple[str, object, list[int]]] = []
    if numeric_count:
        steps = [("impute", SimpleImputer(keep_empty_features=True)), ("scale", StandardScaler())]
        parts.append(("numeric", Pipeline(steps), list(range(numeric_count))))
    if categorical_count:
        columns = list(range(numeric_count, numeric_count + categorical_count))
        parts.append(("categorical", OneHotEncoder(handle_unknown="ignore"), columns))
    return Pipeline([("features", ColumnTransformer(parts)), ("ridge", Ridge(alpha=alpha))])


def fit_pipeline(
    numeric: Numeric, categorical: Categorical, target: npt.NDArray[np.float64], alpha: float
) -> Pipeline:
    """Fit on rows float64[n, k], object[n, m] and their prices float64[n]."""
    pipeline = make_pipeline(numeric.shape[1], categorical.shape[1], alpha)
    if categorical.shape[1]:
        levels = [_levels(column) for column in categorical.T]
        sparse = _density(numeric, levels) < NOTEBOOK_SPARSE_THRESHOLD
        pipeline.set_params(
            features__categorical__categories=levels, features__sparse_threshold=float(sparse)
        )
    features, ridge = pipeline.named_steps["features"], pipeline.named_steps["ridge"]
    _fit_ridge(ridge, features.fit_transform(frame(numeric, categorical)), target, _filled(numeric))
    return pipeline


def _fit_ridge(
    ridge: Ridge, design: Any, target: npt.NDArray[np.float64], filled: npt.NDArray[np.bool_]
) -> None:
    """Fit without the numeric columns that are not `filled`, as the notebook does: their coefficient is 0."""
    kept = np.concatenate((filled, np.ones(design.shape[1] - filled.size, dtype=np.bool_)))
    if kept.all() or not kept.any():
        ridge.fit(design, target)
        return
    ridge.fit(design[:, kept], target)
    coefficients = np.zeros(kept.size)
    coefficients[kept] = ridge.coef_
    ridge.coef_, ridge.n_features_in_ = coefficients, kept.size


def _filled(numeric: Numeric) -> npt.NDArray[np.bool_]:
    return np.asarray(~np.isnan(numeric).all(axis=0), dtype=np.bool_)


def _density(numeric: Numeric, levels: list[npt.NDArray[np.object_]]) -> float:
    """Return the share of cells of the notebook's design matrix that are not structural zeros.

    A column without any value is not in it: there `SimpleImputer` drops it.
    """
    filled = int(np.count_nonzero(_filled(numeric)))
    return (filled + len(levels)) / (filled + sum(len(column) for column in levels))


def _levels(column: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Return the categories in a notebook's order: whole numbers by value, else text by code point; missing
    last."""
    found = set(column) - {MISSING_CATEGORY}
    ordered = sorted(found, key=int) if all(map(_is_whole_number, found)) else sorted(found)
    return np.array([*ordered, *({MISSING_CATEGORY} & set(column))], dtype=object)


def _is_whole_number(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and str(int(text)) == text


def frame(numeric: Numeric, categorical: Categorical) -> pd.DataFrame:
    """Put both tensors side by side, columns 0 to k + m - 1, the way the pipeline reads them."""
    k = numeric.shape[1]
    left = pd.DataFrame(numeric)
    right = pd.DataFrame(
        {k + j: pd.Series(categorical[:, j], dtype=object) for j in range(categorical.shape[1])}
    )
    return pd.concat([left, right], axis=1) if right.shape[1] else left


def predict(pipeline: Pipeline, numeric: Numeric, categorical: Categorical) -> npt.NDArray[np.float64]:
    """Price rows with the fitted pipeline; returns float64[n]."""
    return np.asarray(pipeline.predict(frame(numeric, categorical)), dtype=np.float64).reshape(-1)
