"""Windows: parts of a closed-loop run, each with its own figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.process_cpu import CpuCost
from harness.report import latencies
from harness.tally import Tally


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a run.

    Attributes:
        seconds: how long it was.
        users: users at its beginning.
        tally: what became of the requests that ended in it.
        cost: CPU time of the generator, and of the server when it is ours to look at.
        server_bytes: the server's resident memory at its end; None when it is not ours to look at.
    """

    seconds: float
    users: int
    tally: Tally
    cost: CpuCost
    server_bytes: int | None = None

    @property
    def rate(self) -> float:
        """Predictions a second: rows that got a price, nothing else."""
        return self.tally.rows / self.seconds

    @property
    def p95_us(self) -> float:
        """Latency that 95% of the priced requests do not exceed; NaN when there are none."""
        return self.tally.latency.percentile(95)

    def to_dict(self) -> dict[str, Any]:
        """The window's figures, for JSON."""
        return {
            "seconds": self.seconds,
            "users": self.users,
            "predictions_per_s": self.rate,
            "priced_requests": self.tally.latency.count,
            "latency_us": latencies(self.tally.latency) if self.tally.latency.count else None,
            "refused_as_expected": self.tally.refused,
            "wrong_answers": dict(self.tally.problems),
            "generator_cores": self.cost.generator_cores,
            "server_cores": self.cost.server_cores,
            "server_us_per_call": self.cost.server_us_per_call,
            "server_bytes": self.server_bytes,
            "stolen_share": self.cost.stolen_share,
        }


def merged(windows: tuple[Window, ...]) -> Tally:
    """Return what the windows counted together."""
    tally = Tally()
    for window in windows:
        tally.merge(window.tally)
    return tally
