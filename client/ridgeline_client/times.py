"""Event times as the contract wants them. A time without a zone is UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from ridgeline import missing

SERVER_CLOCK = 0
"""In a batch: the row's time is the server's clock."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def timestamp(time: datetime) -> Timestamp:
    """Return one time as a protobuf timestamp. Raises ValueError when it is no datetime."""
    return Timestamp(seconds=(us := _microseconds(time)) // 1_000_000, nanos=us % 1_000_000 * 1000)


def microseconds(times: object) -> list[int]:
    """Return times as microseconds since the Unix epoch, SERVER_CLOCK where missing.

    Args:
        times: datetimes and None, or an array or Series of datetime64 (NaT is missing).

    Raises:
        ValueError: a value is neither a datetime nor missing; the message names its row.
    """
    array = _zoneless(times)
    if array.dtype.kind != "M":
        return [_microseconds_of_row(row, time) for row, time in enumerate(array)]
    us = array.astype("datetime64[us]").astype(np.int64)
    us[np.isnat(array)] = SERVER_CLOCK
    return [int(value) for value in us]


def _zoneless(times: object) -> np.ndarray:
    if getattr(getattr(times, "dtype", None), "kind", "") == "M":
        # pandas keeps a zone in its own dtype and turns it into UTC here.
        return times.to_numpy(dtype="datetime64[us]") if hasattr(times, "to_numpy") else np.asarray(times)
    values = list(times)  # type: ignore[call-overload]  # whatever can be iterated over
    return np.fromiter(values, dtype=object, count=len(values))


def _microseconds_of_row(row: int, time: object) -> int:
    if missing.is_missing_value(time):
        return SERVER_CLOCK
    try:
        return _microseconds(time)
    except ValueError as error:
        raise ValueError(f"row {row}: {error}") from None


def _microseconds(time: object) -> int:
    if not isinstance(time, datetime):
        raise ValueError(f"expected a datetime, got {type(time).__name__} {time!r}")
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return int((aware - _EPOCH) // _MICROSECOND)
