"""Counts of answers: how many, how fast, and what was wrong with the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.answers import Outcome
from harness.latency import LatencyHistogram


@dataclass(eq=False)
class Tally:
    """What became of the requests of one kind.

    Attributes:
        latency: of the requests that got the prices they must get; nothing else is mixed into it.
        rows: rows that got a price.
        refused_rows: rows without a price, as it must be.
        refused: requests without any price, as it must be.
        problems: requests with another answer than the one they must get, by what was wrong.
    """

    latency: LatencyHistogram = field(default_factory=LatencyHistogram)
    rows: int = 0
    refused_rows: int = 0
    refused: int = 0
    problems: Counter[str] = field(default_factory=Counter)

    def record(self, seconds: float, outcome: Outcome) -> None:
        """Count one request."""
        if outcome.problem:
            self.problems[outcome.problem] += 1
            return
        self.rows += outcome.priced
        self.refused_rows += outcome.refused
        if outcome.priced:
            self.latency.record_us(seconds * 1e6)
        else:
            self.refused += 1

    @property
    def requests(self) -> int:
        """All requests that have ended."""
        return self.latency.count + self.refused + self.problems.total()

    @property
    def problem_share(self) -> float:
        """Share of the requests with a wrong answer, 0 to 1."""
        return self.problems.total() / max(self.requests, 1)

    def merge(self, other: Tally) -> None:
        """Add everything that `other` counted."""
        self.latency.merge(other.latency)
        self.rows += other.rows
        self.refused_rows += other.refused_rows
        self.refused += other.refused
        self.problems += other.problems

    def to_dict(self) -> dict[str, Any]:
        """Everything that was counted, for JSON."""
        return {
            "latency": self.latency.to_dict(),
            "rows": self.rows,
            "refused_rows": self.refused_rows,
            "refused": self.refused,
            "problems": dict(self.problems),
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Tally:
        """What `to_dict` wrote."""
        return cls(
            LatencyHistogram.from_dict(told["latency"]),
            told["rows"],
            told["refused_rows"],
            told["refused"],
            Counter(told["problems"]),
        )


class Recorder:
    """Tallies by kind of request, and when they were begun. Not for several threads at once."""

    def __init__(self) -> None:
        self._tallies: dict[str, Tally] = {}

    def record(self, kind: str, seconds: float, outcome: Outcome) -> None:
        """Count one request."""
        self._tallies.setdefault(kind, Tally()).record(seconds, outcome)

    def add(self, tallies: Mapping[str, Tally]) -> None:
        """Add what another recorder took."""
        for kind, tally in tallies.items():
            self._tallies.setdefault(kind, Tally()).merge(tally)

    def take(self) -> dict[str, Tally]:
        """Return everything counted since the last time, and begin anew."""
        taken, self._tallies = self._tallies, {}
        return taken

    def so_far(self) -> Mapping[str, Tally]:
        """Everything counted since the last time it was taken."""
        return self._tallies
