"""Single prices beside a stream: what is too slow."""

from __future__ import annotations

import pytest

from neighbours import Round, Seen, too_slow


def rounds(*beside: tuple[float, float]) -> list[Round]:
    """Rounds in which p50 is 1 ms and p99 2 ms alone, and as given beside the stream."""
    return [Round(Seen(1_000.0, 1.0, 2.0, 0), Seen(500.0, p50, p99, 0), 1e6) for p50, p99 in beside]


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ([(2.0, 20.0)], []),
        ([(2.1, 20.0)], ["p50"]),
        ([(2.0, 21.0)], ["p99"]),
        ([(9.0, 99.0), (1.0, 2.0), (1.0, 2.0)], []),
        ([(9.0, 99.0), (3.0, 22.0), (1.0, 2.0)], ["p50", "p99"]),
    ],
)
def test_the_median_ratio_decides(beside: list[tuple[float, float]], told: list[str]) -> None:
    assert [problem.partition(":")[0] for problem in too_slow(rounds(*beside))] == told
