from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ridgeline_client import times

NOON = datetime(2026, 6, 1, 12, 0, 0, 250, tzinfo=UTC)
NOON_US = 1_780_315_200_000_250


@settings(deadline=None)
@given(st.datetimes(timezones=st.just(UTC)))
def test_a_timestamp_is_what_protobuf_reads_back(time: datetime) -> None:
    assert times.timestamp(time).ToDatetime(tzinfo=UTC) == time


@pytest.mark.parametrize(
    "column",
    [
        [NOON, None],
        [NOON.replace(tzinfo=None), pd.NaT],
        [NOON.astimezone(timezone(timedelta(hours=5))), float("nan")],
        [pd.Timestamp(NOON), pd.NaT],
        np.array([NOON.replace(tzinfo=None), "NaT"], dtype="datetime64[ns]"),
        pd.Series([NOON, None]),
        pd.Series([NOON, None]).dt.tz_convert("Asia/Tokyo"),
        pd.DatetimeIndex([NOON, None]),
    ],
)
def test_times_of_every_make_are_the_same_microseconds(column: Any) -> None:
    assert times.microseconds(column) == [NOON_US, times.SERVER_CLOCK]


@pytest.mark.parametrize("value", ["2026-06-01", 1_780_315_200, date(2026, 6, 1)])
def test_what_is_no_datetime_is_refused_with_its_row(value: object) -> None:
    with pytest.raises(ValueError, match=r"row 1: expected a datetime, got (str|int|date)"):
        times.microseconds([None, value])
