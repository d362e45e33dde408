"""Rows for a load test, made from what a model says about itself: any model, no names known here.

Rows are numbered. A row depends on the seed and its number alone, so it is the same however the rows are cut
into requests. In every INVALID_EVERY rows one is invalid, at a place the seed decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from harness.cells import MISSING_CODE, Codes, Dictionary, Floats, invalid_number, numbers
from ridgeline import missing
from ridgeline.coded import CodedCategories
from ridgeline.reasons import Reason
from ridgeline_client.description import Feature, ModelDescription

INVALID_EVERY = 50
"""2% of the rows are invalid."""

_BLOCK_ROWS = 1_000  # made at a time; a multiple of INVALID_EVERY

_Cells = dict[str, Floats | Codes]


@dataclass(frozen=True, slots=True)
class Shares:
    """What the cells of valid rows hold, as shares of the cells that can hold it, 0 to 1.

    Raises:
        ValueError: a share is not 0 to 1.
    """

    missing: float = 0.02
    """Cells without a value. Required features always have one, and so has one feature of each row."""
    unseen: float = 0.01
    """Categories that training has not seen."""
    outside: float = 0.002
    """Valid numbers outside the training range, of features whose valid range is wider."""

    def __post_init__(self) -> None:
        wrong = {f.name: getattr(self, f.name) for f in fields(self) if not 0 <= getattr(self, f.name) <= 1}
        if wrong:
            told = ", ".join(f"{name} is {value!r}" for name, value in wrong.items())
            raise ValueError(f"{told}: expected a share of the cells, 0 to 1")


DEFAULT_SHARES = Shares()


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n rows in columns.

    Attributes:
        columns: float64[n] with NaN for missing, or categories, by feature in the model's order.
        faults: the invalid rows, counted from 0 here, each with the reason it must be refused for.
    """

    columns: Mapping[str, Floats | CodedCategories]
    faults: Mapping[int, Reason]


_Block = tuple[_Cells, dict[int, Reason]]
"""Cells by feature, and what is wrong with which row, by the row's number."""


class RowSource:
    """Makes rows for one model."""

    def __init__(self, description: ModelDescription, seed: int, shares: Shares = DEFAULT_SHARES) -> None:
        self._features = description.features
        self._seed = seed
        self._shares = shares
        self._gaps = missing.missing_numbers(description.missing_tokens)
        self._dictionaries = {
            feature.name: Dictionary.of(feature, description.missing_tokens)
            for feature in description.features
            if feature.kind == "categorical"
        }
        self._reasons = _possible_reasons(description.features)
        self._block = lru_cache(maxsize=2)(self._made_block)  # requests are smaller than blocks

    def rows(self, first: int, count: int) -> Rows:
        """Return `count` rows from number `first` on."""
        blocks = range(first // _BLOCK_ROWS, -(-(first + count) // _BLOCK_ROWS))
        made = [self._block(number) for number in blocks]
        start = first - blocks.start * _BLOCK_ROWS
        columns: dict[str, Floats | CodedCategories] = {}
        for feature in self._features:
            column = np.concatenate([cells[feature.name] for cells, _ in made])[start : start + count]
            known = self._dictionaries.get(feature.name)
            columns[feature.name] = column if known is None else CodedCategories(known.texts, column)
        faults = {row - first: reason for _, block in made for row, reason in block.items()}
        return Rows(columns, {row: reason for row, reason in faults.items() if 0 <= row < count})

    def _made_block(self, number: int) -> _Block:
        rng = np.random.default_rng([self._seed, number])
        absent = self._absent(rng)
        cells: _Cells = {}
        for place, feature in enumerate(self._features):
            if feature.kind == "numeric":
                cells[feature.name] = numbers(feature, _BLOCK_ROWS, self._shares.outside, rng)
            else:
                dictionary = self._dictionaries[feature.name]
                cells[feature.name] = dictionary.codes(_BLOCK_ROWS, self._shares.unseen, rng)
            cells[feature.name][absent[:, place]] = _absent_value(feature)
        return cells, self._plant_faults(cells, number * _BLOCK_ROWS, rng)

    def _absent(self, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """Which cells are missing, bool[rows, features]; no row is without any value."""
        absent = rng.random((_BLOCK_ROWS, len(self._features))) < self._shares.missing
        absent[:, [feature.required for feature in self._features]] = False
        empty = np.flatnonzero(absent.all(axis=1))
        absent[empty, rng.integers(len(self._features), size=len(empty))] = False
        return absent

    def _plant_faults(self, cells: _Cells, first: int, rng: np.random.Generator) -> dict[int, Reason]:
        faults = {}
        reasons = list(self._reasons)
        for start in range(0, _BLOCK_ROWS, INVALID_EVERY):
            row = start + int(rng.integers(INVALID_EVERY))
            reason = reasons[rng.integers(len(reasons))]
            at_fault = self._reasons[reason]
            if reason is not Reason.EMPTY_RECORD:
                at_fault = (at_fault[rng.integers(len(at_fault))],)
            for feature in at_fault:
                cells[feature.name][row] = self._wrong_value(feature, reason)
            # Without its required value a row may have no value at all.
            faults[first + row] = reason if _has_value(cells, row) else Reason.EMPTY_RECORD
        return faults

    def _wrong_value(self, feature: Feature, reason: Reason) -> float:
        if reason is Reason.NOT_FINITE:
            return np.inf
        if reason is Reason.OUT_OF_VALID_RANGE:
            return invalid_number(feature, self._gaps)
        return _absent_value(feature)


def _absent_value(feature: Feature) -> float:
    return missing.MISSING_NUMBER if feature.kind == "numeric" else MISSING_CODE


def _has_value(cells: _Cells, row: int) -> bool:
    return any(
        column[row] != MISSING_CODE if column.dtype == np.int32 else not np.isnan(column[row])
        for column in cells.values()
    )


def _possible_reasons(features: Sequence[Feature]) -> dict[Reason, tuple[Feature, ...]]:
    """Reasons for which a row of this model can be refused, with the features that can be at fault."""
    numeric = [feature for feature in features if feature.kind == "numeric"]
    reasons = {
        Reason.EMPTY_RECORD: features,
        Reason.NOT_FINITE: numeric,
        Reason.OUT_OF_VALID_RANGE: [f for f in numeric if (f.valid_min, f.valid_max) != (None, None)],
        Reason.REQUIRED_FEATURE_MISSING: [feature for feature in features if feature.required],
    }
    return {reason: tuple(at_fault) for reason, at_fault in reasons.items() if at_fault}
