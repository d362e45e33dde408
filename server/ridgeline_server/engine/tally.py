"""Answers in the numbers that monitoring adds up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ridgeline_server.domain import Ints, PlainPrediction, PredictionBatch, Tally


def tally(answer: PredictionBatch) -> Tally:
    """Add up a batch, the refused rows included."""
    widths = answer.upper - answer.lower
    known = widths[~np.isnan(widths)]
    violations = answer.checked.violation_counts
    return Tally(len(answer.flags), _by_value(answer.flags), len(known), float(known.sum()), violations)


def tally_plain(answer: PlainPrediction) -> Tally:
    """What `tally` says of such a record."""
    return Tally(1, ((answer.flags, 1),), 1, answer.upper - answer.lower)


def _by_value(flags: Ints) -> Sequence[tuple[int, int]]:
    counts = np.bincount(flags)
    values = np.flatnonzero(counts)
    return tuple(zip(values.tolist(), counts[values].tolist(), strict=True))
