"""What calls return: frozen, typed, with NumPy arrays for batches.

Prices are unrounded, in the model's currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ridgeline.notices import NoticeKind
from ridgeline_client.errors import RidgelineError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ModelRef:
    """The version that answered."""

    name: str
    version: int
    digest: str
    """Lower-case hexadecimal SHA-256 of the version's manifest."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing the caller should know about a price."""

    kind: NoticeKind
    feature: str
    """The feature it happened to; "" when it concerns the whole row."""
    received: str
    """What was received, as text; "" when it was missing."""
    used: str
    """What was used instead, as text; "" when the received value was used."""
    message: str
    """One sentence for a person."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature adds to the price, in the model's currency."""

    feature: str
    amount: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """An exact explanation: base + the sum of the contributions = model_price, to 1e-6."""

    base: float
    """The model's price for a product that is average in every feature."""
    contributions: tuple[Contribution, ...]
    """One per feature, in the model's order."""

    def largest(self, count: int) -> tuple[Contribution, ...]:
        """The `count` contributions that move the price most, largest first."""
        return tuple(sorted(self.contributions, key=lambda part: -abs(part.amount))[:count])


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """The answer to one chunk of a stream: prices, or why the whole chunk has none."""

    sequence: int
    """The chunk's place in the stream, from 0."""
    row_count: int
    predictions: PredictionBatch | None
    error: RidgelineError | None = None

    def answer(self) -> PredictionBatch:
        """Return the prices. Raises the chunk's `error` when there are none."""
        if self.predictions is None:
            raise self.error or RidgelineError("the chunk was answered with nothing")
        return self.predictions


@dataclass(frozen=True, slots=True)
class Prediction:
    """One guarded price."""

    price: float
    """The price to use, inside the model's price range."""
    model_price: float
    """What the model said before the guard."""
    lower: float
    """Lower end of the prediction interval; NaN when the guard clamped or replaced the price."""
    upper: float
    """Upper end of the prediction interval; NaN like `lower`."""
    flags: int
    """`NoticeKind.bit` is set for each kind of notice."""
    notices: tuple[Notice, ...]
    currency: str
    """ISO 4217 code."""
    model: ModelRef
    prediction_set_id: str
    """Names this answer; outcomes are reported against it."""
    record_id: str
    explanation: Explanation | None = None

    def has(self, kind: NoticeKind) -> bool:
        """True when the price carries a notice of this kind."""
        return bool(self.flags & kind.bit)


@dataclass(frozen=True, slots=True)
class NoticeCount:
    """How many rows carry a notice."""

    kind: NoticeKind
    feature: str
    """The feature; "" when the notice concerns the whole row."""
    count: int


@dataclass(frozen=True, slots=True)
class RowError:
    """One violation of one refused row."""

    row: int
    """Index in the request, from 0."""
    feature: str
    """The feature; "" when the whole row is to blame."""
    code: int
    """google.rpc.Code the same record would get from `predict`."""
    reason: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class PredictionBatch:
    """Guarded prices of many rows, in the order of the request; arrays are read-only, shape [rows]."""

    price: FloatArray
    """The prices to use; NaN for REJECTED and ROW_ERROR."""
    model_price: FloatArray
    """What the model said before the guard; NaN for ROW_ERROR."""
    lower: FloatArray
    """Lower ends of the prediction intervals; NaN when there is none (clamped, replaced, rejected, error)."""
    upper: FloatArray
    """Upper ends of the prediction intervals, like `lower`."""
    flags: npt.NDArray[np.int32]
    """`NoticeKind.bit` is set for each kind of notice a row carries."""
    notice_counts: tuple[NoticeCount, ...]
    """Counts by kind and feature, only those above zero."""
    row_errors: tuple[RowError, ...]
    """Violations of the refused rows: the first 1,000 in row order."""
    row_error_count: int
    """All violations, listed or not."""
    error_row_count: int
    """Rows that carry ROW_ERROR."""
    currency: str
    """ISO 4217 code."""
    model: ModelRef
    prediction_set_id: str
    """Names this answer; with the row's index it names one prediction."""
    features: tuple[str, ...] = ()
    """Columns of `cells`, in the model's order; () when no bitmaps were asked for."""
    bitmaps: Mapping[NoticeKind, bytes] = field(default_factory=dict, repr=False)
    """Packed bits behind `cells`."""

    def __len__(self) -> int:
        return len(self.price)

    def rows_with(self, kind: NoticeKind) -> BoolArray:
        """Which rows carry a notice of this kind: bool, shape [rows]."""
        return (self.flags & kind.bit).astype(np.bool_)

    def cells(self, kind: NoticeKind) -> BoolArray:
        """Which cells carry a notice of this kind: bool, shape [rows, features].

        Raises:
            ValueError: the batch was not asked for with `notice_bitmaps=True`.
        """
        if not self.features:
            raise ValueError("no bitmaps in this answer; ask with notice_bitmaps=True")
        shape = (len(self), len(self.features))
        packed = np.frombuffer(self.bitmaps.get(kind, b""), dtype=np.uint8)
        if not packed.size:
            return np.zeros(shape, dtype=np.bool_)
        bits = np.unpackbits(packed, count=shape[0] * shape[1], bitorder="little")
        return bits.reshape(shape).astype(np.bool_)

    def columns(self) -> dict[str, npt.NDArray[np.float64 | np.int32]]:
        """The arrays by name, ready for `pandas.DataFrame`."""
        return {name: getattr(self, name) for name in ("price", "model_price", "lower", "upper", "flags")}
