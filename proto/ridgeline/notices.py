"""What happened to a row on its way to a price: one enum for wire, server and client."""

from __future__ import annotations

from enum import IntEnum

_FLAG_BITS = 31
"""`flags` is an int32, its sign not used."""


class NoticeKind(IntEnum):
    """What happened to a row on its way to a price; the numbers are the contract's."""

    IMPUTED = 1
    """A feature was missing; the model's fill was used."""
    UNKNOWN_CATEGORY = 2
    """A category was never seen in training: no category's effect is in the price."""
    OUT_OF_TRAINING_RANGE = 3
    """A value is valid but outside what training saw."""
    CLAMPED_LOW = 4
    """The model price was below the price range; the price is the range's lower end."""
    CLAMPED_HIGH = 5
    """The model price was above the price range; the price is the range's upper end."""
    FALLBACK = 6
    """The price is a safe default, not the model's."""
    REJECTED = 7
    """The guard's policy gave no price; the price is NaN."""
    ROW_ERROR = 8
    """The row was refused; the price is NaN."""
    FEATURE_IGNORED = 9
    """A feature the model does not know was ignored, as asked."""

    @property
    def bit(self) -> int:
        """The kind's bit in `flags`; 0 for a number that has none there."""
        return 1 << (self.value - 1) if 1 <= self.value <= _FLAG_BITS else 0

    @classmethod
    def _missing_(cls, value: object) -> NoticeKind | None:
        """Keep a kind that only a newer server knows under its number."""
        if not isinstance(value, int) or value < 0:
            return None
        kind = int.__new__(cls, value)
        kind._name_ = f"KIND_{value}"
        kind._value_ = value
        # One object per number, as for the kinds above; two threads must not make two.
        cls._value2member_map_.setdefault(value, kind)
        return cls(value)
