"""The words of the price path: what is asked (RecordBatch) and what is answered (PredictionBatch).

One row and ten thousand rows are the same shape; n is the number of rows, k and m the model's numeric and
categorical features, f = k + m all of them in tensor order (numeric first, then categorical).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ridgeline.artifact import Kind
from ridgeline.notices import NoticeKind
from ridgeline.reasons import Reason
from ridgeline_server.errors import Violation

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int32]
Strings = npt.NDArray[np.object_]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class CategoricalColumn:
    """One categorical column as sent: `codes` int32 [n], 0 = missing, i = dictionary[i - 1]."""

    name: str
    dictionary: Sequence[str]
    codes: Ints


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Rows as sent: columns by name, in the caller's order.

    Attributes:
        row_count: n.
        numeric_names: names of the columns of `numeric`.
        numeric: float64 [n, len(numeric_names)], NaN = missing. Whoever prices it may fill its gaps.
        categorical: the categorical columns.
        strays: names that single rows sent and that are no feature of that kind, with those rows.
        single_precision: the numbers were sent as float32; bounds are compared in that precision.
    """

    row_count: int
    numeric_names: Sequence[str]
    numeric: Floats
    categorical: Sequence[CategoricalColumn]
    strays: Mapping[tuple[Kind, str], Sequence[int]] = field(default_factory=dict)
    single_precision: bool = False


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """How a caller wants its rows treated."""

    ignore_unknown_features: bool = False
    schema_fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class CellNotices:
    """Which cells carry which notice: three sets of places in [n, f], row * f + feature, in any order."""

    imputed: Places
    unknown: Places
    outside: Places

    def items(self) -> tuple[tuple[NoticeKind, Places], ...]:
        """The sets with their kinds."""
        return (
            (NoticeKind.IMPUTED, self.imputed),
            (NoticeKind.UNKNOWN_CATEGORY, self.unknown),
            (NoticeKind.OUT_OF_TRAINING_RANGE, self.outside),
        )


@dataclass(frozen=True, slots=True)
class Categories:
    """The categorical cells of n rows in tensor order, by the missing rule.

    Attributes:
        entries: per feature the text of each code; "", at 0, is missing.
        codes: int32 [m, n].
        levels: int32 [m, n], place among the schema's `levels` of the feature: 0 is missing, the last place a
            category that training did not see.
    """

    entries: Sequence[Sequence[str]]
    codes: Ints
    levels: Ints

    def text(self, row: int, feature: int) -> str:
        """One cell's text."""
        return self.entries[feature][int(self.codes[feature, row])]

    def texts(self, rows: Places) -> Strings:
        """The texts of r rows, object [r, m]."""
        columns = [
            np.array(texts, dtype=object)[codes[rows]]
            for texts, codes in zip(self.entries, self.codes, strict=True)
        ]
        return np.stack(columns, axis=1) if columns else np.empty((len(rows), 0), dtype=object)


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """Rows in the model's order after validation.

    Attributes:
        numeric: float64 [n, k], NaN = missing.
        categories: the categorical cells.
        cells: notices by cell; no cell of a refused row carries one.
        missing_count: int [n], missing features of rows that are not refused.
        refused: bool [n], rows with a violation; None when there is none.
        violations: the first violations of refused rows, in row order.
        violation_counts: all of them: reason, feature ("" for the whole row; maybe no feature of the model)
            and how many.
        ignored: unknown features that were ignored, each with the rows that carried it (None: all rows).
    """

    numeric: Floats
    categories: Categories
    cells: CellNotices
    missing_count: Places
    refused: Bools | None = None
    violations: tuple[Violation, ...] = ()
    violation_counts: tuple[tuple[Reason, str, int], ...] = ()
    ignored: tuple[tuple[str, Sequence[int] | None], ...] = ()

    @property
    def violation_count(self) -> int:
        """How many violations there are, the listed ones included."""
        return sum(count for _, _, count in self.violation_counts)


@dataclass(frozen=True, slots=True)
class PredictionBatch:
    """Guarded prices of n rows.

    Attributes:
        price: float64 [n], NaN for refused and rejected rows.
        model_price: float64 [n], before the guard; NaN for refused rows.
        lower, upper: float64 [n], the prediction interval; NaN when there is none.
        flags: int32 [n], bits of NoticeKind.
        checked: the rows the prices belong to.
    """

    price: Floats
    model_price: Floats
    lower: Floats
    upper: Floats
    flags: Ints
    checked: CheckedBatch = field(repr=False)


class Tally(NamedTuple):
    """What is counted of rows that were priced or refused.

    Attributes:
        rows: how many.
        flags: pairs of a value of `PredictionBatch.flags` and how many rows have it.
        intervals: rows with a prediction interval.
        width: the sum of the intervals' widths, in the model's currency.
        violations: see `CheckedBatch.violation_counts`.
    """

    rows: int
    flags: Sequence[tuple[int, int]]
    intervals: int
    width: float
    violations: Sequence[tuple[Reason, str, int]] = ()


class PlainPrediction(NamedTuple):
    """The price of one record that is the model's own and sane: the guard did nothing.

    Attributes:
        price: the model's and the guard's.
        lower, upper: the prediction interval.
        flags: bits of NoticeKind.
        gaps, unknown, outside: places in [f] of missing features, of categories that training did not see and
            of numbers outside their training range, in tensor order.
        numbers: k numbers, gaps filled.
        texts: m categories, "" = missing.
    """

    price: float
    lower: float
    upper: float
    flags: int
    gaps: Sequence[int]
    unknown: Sequence[int]
    outside: Sequence[int]
    numbers: Sequence[float]
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice for a person: what was received, what was used instead, one sentence."""

    kind: NoticeKind
    message: str
    feature: str = ""
    received: str = ""
    used: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """base + the sum of contributions = model price. Contributions are (feature, amount) in model order."""

    base: float
    contributions: tuple[tuple[str, float], ...]
