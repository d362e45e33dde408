"""What an open-loop run showed, and whether to believe it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.arrivals import Seconds
from harness.calls import OK
from harness.latency import LatencyHistogram
from harness.open_loop import OpenRun

PERCENTS = (50.0, 90.0, 99.0, 99.9)
LATE_US = 1_000.0
BUSY_GENERATOR = 0.7
"""Of one core: beyond it the generator's own work is a part of the latencies."""

_KEPT_UP = 0.98
_LAG_PART = 0.1
_FEWEST_ABOVE = 10


@dataclass(frozen=True, slots=True, eq=False)
class OpenSummary:
    """Counts and latencies of a run.

    Attributes:
        scheduled: calls that were due.
        sent: calls that were sent.
        codes: calls that ended, by the name of their status.
        offered_rate: calls sent a second.
        answered_rate: calls answered with OK a second, until the last one ended.
        lag: from when a call was due to when it was sent: the generator's own delay.
        late_share: share of the sent calls whose lag is above LATE_US.
        from_due: latency from when the call was due, of the calls answered with OK.
        from_sent: the same calls' latency from when they were sent.
        in_flight_max: most calls under way at one time, those of the warm-up included.
    """

    scheduled: int
    sent: int
    codes: Mapping[str, int]
    offered_rate: float
    answered_rate: float
    lag: LatencyHistogram
    late_share: float
    from_due: LatencyHistogram
    from_sent: LatencyHistogram
    in_flight_max: int

    @classmethod
    def of(cls, whole: OpenRun, seconds: float, warmup: float = 0.0) -> OpenSummary:
        """Summarise the calls of a run that were due in the `seconds` after the first `warmup` seconds."""
        run = whole.since(warmup)
        sent, ended = ~np.isnan(run.sent), ~np.isnan(run.ended)
        ok = run.codes == OK
        lag_us = (run.sent - run.due)[sent] * 1e6
        span = seconds if sent.all() else float(run.due[sent].max(initial=0.0))
        last_end = float(run.ended[ended].max(initial=0.0))
        return cls(
            scheduled=len(run.due),
            sent=int(sent.sum()),
            codes=Counter(run.codes[ended].tolist()),
            offered_rate=_rate(sent, span),
            answered_rate=_rate(ok, max(span, last_end)),
            lag=_histogram(lag_us),
            late_share=float((lag_us > LATE_US).mean()) if sent.any() else 0.0,
            from_due=_histogram((run.ended - run.due)[ok] * 1e6),
            from_sent=_histogram((run.ended - run.sent)[ok] * 1e6),
            in_flight_max=_most_in_flight(whole),
        )

    @property
    def complete(self) -> bool:
        """True when every scheduled call was sent and answered with OK."""
        return self.codes.get(OK, 0) == self.scheduled

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON; latencies in microseconds."""
        return {
            "scheduled": self.scheduled,
            "sent": self.sent,
            "codes": dict(self.codes),
            "offered_rate": self.offered_rate,
            "answered_rate": self.answered_rate,
            "late_share": self.late_share,
            "in_flight_max": self.in_flight_max,
            "lag_us": percentiles(self.lag),
            "from_due_us": percentiles(self.from_due),
            "from_sent_us": percentiles(self.from_sent),
        }


def percentiles(histogram: LatencyHistogram) -> dict[str, float | None]:
    """PERCENTS and the longest latency by name, in microseconds; None where there is none."""
    if not histogram.count:
        return {**{f"p{percent:g}": None for percent in PERCENTS}, "max": None}
    return {**{f"p{p:g}": histogram.percentile(p) for p in PERCENTS}, "max": histogram.max_us}


def doubts(summary: OpenSummary, generator_cores: float) -> list[str]:
    """Why not to believe the latencies, one sentence each; none for a run that can be believed."""
    found = []
    lag, latency = (histogram.percentile(99) for histogram in (summary.lag, summary.from_due))
    if lag > max(LATE_US, _LAG_PART * latency):
        found.append(
            f"the generator sent 1% of the calls more than {lag / 1e3:.1f} ms late, of a p99 of "
            f"{latency / 1e3:.1f} ms: ask for a lower rate, or give the generator a core of its own"
        )
    if generator_cores > BUSY_GENERATOR:
        found.append(
            f"the generator used {generator_cores:.2f} of a core, more than {BUSY_GENERATOR}: its own work "
            "is a part of the latencies; ask for a lower rate, or use a generator in C or Go"
        )
    if summary.answered_rate < _KEPT_UP * summary.offered_rate:
        found.append(
            f"{summary.answered_rate:,.0f} of {summary.offered_rate:,.0f} calls a second were answered: the "
            "server did not keep up, and the latencies say how long the run was rather than how fast it is"
        )
    if 0 < summary.from_due.count < _FEWEST_ABOVE * 1000:
        found.append(
            f"p99.9 rests on {summary.from_due.count // 1000} calls above it: run for longer, until at least "
            f"{_FEWEST_ABOVE * 1000:,} calls are answered"
        )
    return found


def _rate(counted: npt.NDArray[np.bool_], seconds: float) -> float:
    return int(counted.sum()) / seconds if seconds else 0.0


def _histogram(values_us: Seconds) -> LatencyHistogram:
    histogram = LatencyHistogram()
    histogram.record_many(np.maximum(values_us, 0.0))  # a timer may be early by a nanosecond
    return histogram


def _most_in_flight(run: OpenRun) -> int:
    sent, ended = (times[~np.isnan(times)] for times in (run.sent, run.ended))
    steps = np.concatenate([-np.ones(len(ended), dtype=np.int64), np.ones(len(sent), dtype=np.int64)])
    # Stable, ends first: a call that ends as another begins was not in flight with it.
    order = np.argsort(np.concatenate([ended, sent]), kind="stable")
    return int(np.cumsum(steps[order]).max(initial=0))
