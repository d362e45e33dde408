"""The fitted pipeline as a formula, with exact contributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from ridgeline.artifact import CategoricalTerm, CategoryShare, LinearForm, NumericTerm
from ridgeline_export.pipeline import Categorical, Numeric


def linear_form(
    pipeline: Pipeline, numeric: list[str], categorical: list[str], shares: list[tuple[CategoryShare, ...]]
) -> LinearForm:
    """Take a fitted `make_pipeline` apart; `shares` are each categorical feature's training shares.

    Amounts of a category are centred on the training shares, so that `base` is the price of an average
    product; a value never seen adds what remains, which is minus that centre.
    """
    ridge = pipeline.named_steps["ridge"]
    coefficients = np.asarray(ridge.coef_, dtype=np.float64).reshape(-1)
    base = float(np.asarray(ridge.intercept_).reshape(-1)[0])
    parts = pipeline.named_steps["features"].named_transformers_
    numeric_terms = _numeric_terms(parts["numeric"], numeric, coefficients) if numeric else []
    terms = []
    position = len(numeric)
    for j, name in enumerate(categorical):
        levels = [str(level) for level in parts["categorical"].categories_[j]]
        amounts = dict(zip(levels, coefficients[position : position + len(levels)].tolist(), strict=True))
        position += len(levels)
        centre = sum(amounts[share.value] * share.share for share in shares[j])
        base += centre
        centred = {level: amount - centre for level, amount in amounts.items()}
        terms.append(CategoricalTerm(name=name, amounts=centred, unknown_amount=-centre))
    return LinearForm(base=base, numeric=tuple(numeric_terms), categorical=tuple(terms))


def _numeric_terms(
    part: Pipeline, names: list[str], coefficients: npt.NDArray[np.float64]
) -> list[NumericTerm]:
    fill, scaler = part.named_steps["impute"].statistics_, part.named_steps["scale"]
    return [
        NumericTerm(
            name=name,
            fill=float(fill[j]),
            centre=float(scaler.mean_[j]),
            scale=float(scaler.scale_[j]),
            coefficient=float(coefficients[j]),
        )
        for j, name in enumerate(names)
    ]


@dataclass(frozen=True)
class Contributions:
    """What each feature adds to each price: numeric float64[n, k], categorical float64[n, m]."""

    numeric: npt.NDArray[np.float64]
    categorical: npt.NDArray[np.float64]


def contributions(form: LinearForm, numeric: Numeric, categorical: Categorical) -> Contributions:
    """Evaluate every term of the formula on every row."""
    left = np.empty(numeric.shape)
    for j, term in enumerate(form.numeric):
        values = np.where(np.isnan(numeric[:, j]), term.fill, numeric[:, j])
        left[:, j] = term.coefficient * (values - term.centre) / term.scale
    right = np.empty(categorical.shape)
    for j, part in enumerate(form.categorical):
        right[:, j] = [part.amounts.get(value, part.unknown_amount) for value in categorical[:, j]]
    return Contributions(left, right)


def formula_prices(form: LinearForm, numeric: Numeric, categorical: Categorical) -> npt.NDArray[np.float64]:
    """Return base + the sum of the contributions, float64[n]."""
    parts = contributions(form, numeric, categorical)
    return np.asarray(form.base + parts.numeric.sum(axis=1) + parts.categorical.sum(axis=1), dtype=np.float64)


def importance_ranks(form: LinearForm, shares: list[tuple[CategoryShare, ...]]) -> dict[str, int]:
    """Return 1 for the feature that moves prices most.

    A numeric feature weighs |coefficient|, money per standard deviation; a categorical one the standard
    deviation of its amounts over training rows. Equal weights rank in the order of the features.
    """
    weights = {term.name: abs(term.coefficient) for term in form.numeric}
    for term, seen in zip(form.categorical, shares, strict=True):
        weights[term.name] = float(np.sqrt(sum(s.share * term.amounts[s.value] ** 2 for s in seen)))
    ordered = sorted(weights, key=lambda name: -weights[name])
    return {name: rank for rank, name in enumerate(ordered, start=1)}
