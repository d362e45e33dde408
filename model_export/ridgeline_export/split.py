"""The time-ordered split: the model is judged on rows later than those it learnt from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ridgeline.artifact import Window
from ridgeline_export.conformal import fewest_calibration_rows
from ridgeline_export.schema import Schema
from ridgeline_export.times import SECONDS_PER_DAY, Times, seconds

DEFAULT_SHARE = 0.2
FEWEST_TRAINING_ROWS = 10

Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Positions of the training rows and of the later holdout, both in time order, and what each covers."""

    training: Index
    holdout: Index
    training_window: Window
    holdout_window: Window


def split(row_count: int, times: Times | None, schema: Schema) -> tuple[Split | None, list[str]]:
    """Split a table as the schema says; returns None and the problems when that is impossible.

    Rows are ordered by time, or stay in file order without a time column; rows of one time keep file order
    and are never on both sides.
    """
    problems = _wrong_times(times, schema)
    if problems:
        return None, problems
    order, first = _cut(row_count, times, schema)
    if first == 0 and times is not None:
        problem = (
            f"all rows from {times.texts[order[0]]} on are held out: no earlier row is left to train on; "
            "bring rows of other times, move the start of the holdout or lower holdout.share"
        )
        return None, [problem]
    training, holdout = _window(order[:first], order[first:], times, schema), order[first:]
    problems = _too_few(training.size, holdout.size, schema)
    if problems:
        return None, problems
    return Split(training, holdout, _window_of(training, times), _window_of(holdout, times)), []


def _cut(row_count: int, times: Times | None, schema: Schema) -> tuple[Index, int]:
    """Return the rows in time order and the position of the first holdout row."""
    order: Index = np.arange(row_count, dtype=np.int64)
    if times is not None:
        order = np.argsort(times.values, kind="stable").astype(np.int64)
    start = schema.holdout.start
    if start is not None and times is not None:
        return order, int(np.searchsorted(times.values[order], _position(start, times)))
    share = DEFAULT_SHARE if schema.holdout.share is None else schema.holdout.share
    first = row_count - math.ceil(row_count * share)
    if times is None:
        return order, first
    ordered = times.values[order]
    return order, int(np.searchsorted(ordered, ordered[first]))


def _window(training: Index, holdout: Index, times: Times | None, schema: Schema) -> Index:
    days = schema.training.window_days
    if days is None or times is None or holdout.size == 0:
        return training
    start = schema.holdout.start
    end = times.values[holdout[0]] if start is None else _position(start, times)
    return training[times.values[training] >= end - days * SECONDS_PER_DAY]


def _position(start: object, times: Times) -> float:
    value = seconds(start) if times.is_date else start
    return float(value)  # type: ignore[arg-type]  # _wrong_times has refused what is no time


def _wrong_times(times: Times | None, schema: Schema) -> list[str]:
    if times is None:
        return []
    problems = []
    start = schema.holdout.start
    if start is not None and times.is_date and seconds(start) is None:
        problems.append(
            f'holdout.from: {start!r} is not a date; the time column holds dates, write "2026-04-01"'
        )
    if start is not None and not times.is_date and not isinstance(start, int | float):
        problems.append(f"holdout.from: {start!r} is not a number; the time column holds numbers")
    if schema.training.window_days is not None and not times.is_date:
        problems.append("training.window_days: the time column holds numbers; it needs dates or timestamps")
    return problems


def _too_few(training: int, holdout: int, schema: Schema) -> list[str]:
    problems = []
    if training < FEWEST_TRAINING_ROWS:
        problems.append(
            f"{training} rows are left for training, at least {FEWEST_TRAINING_ROWS} are needed; "
            "bring more rows or move the start of the holdout"
        )
    fewest = 2 * fewest_calibration_rows(schema.interval.level)
    if holdout < fewest:
        problems.append(
            f"{holdout} rows are in the holdout, at least {fewest} are needed for an interval of level "
            f"{schema.interval.level}; bring more rows, move the start of the holdout or lower interval.level"
        )
    return problems


def _window_of(index: Index, times: Times | None) -> Window:
    if times is None:
        return Window(row_count=index.size)
    return Window(row_count=index.size, first=times.texts[index[0]], last=times.texts[index[-1]])
