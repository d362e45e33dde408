"""The oracle: the pipeline a data scientist writes in a notebook, with scikit-learn's defaults.

Named columns, NaN for missing, nothing from this project.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def fit_notebook(
    frame: pd.DataFrame, numeric: Sequence[str], categorical: Sequence[str], target: str, alpha: float
) -> Pipeline:
    """Fit on every row of `frame`.

    A missing category must be spelt in one way throughout a column: scikit-learn takes None and NaN for two.
    """
    parts = []
    if numeric:
        parts.append(("numeric", make_pipeline(SimpleImputer(), StandardScaler()), list(numeric)))
    if categorical:
        parts.append(("categorical", OneHotEncoder(handle_unknown="ignore"), list(categorical)))
    pipeline = Pipeline([("columns", ColumnTransformer(parts)), ("ridge", Ridge(alpha=alpha))])
    return pipeline.fit(frame, frame[target])


def notebook_prices(pipeline: Pipeline, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Price rows; returns float64[n]."""
    return np.asarray(pipeline.predict(frame), dtype=np.float64)
