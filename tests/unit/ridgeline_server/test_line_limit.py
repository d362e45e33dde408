"""How many log lines a flood of calls may make."""

from __future__ import annotations

from ridgeline_server.monitoring.line_limit import LineLimit


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_so_many_lines_pass_in_a_second_and_the_next_one_says_how_many_did_not() -> None:
    clock = Clock()
    limit = LineLimit(clock, per_second=2)
    assert [limit.take("a") for _ in range(5)] == [0, 0, None, None, None]
    clock.seconds = 0.99
    assert limit.take("a") is None
    clock.seconds = 1.0
    assert [limit.take("a") for _ in range(3)] == [4, 0, None]
    clock.seconds = 7.5
    assert [limit.take("a") for _ in range(2)] == [1, 0]


def test_a_flood_of_one_kind_hides_no_other() -> None:
    limit = LineLimit(Clock(), per_second=1)
    assert [limit.take("a") for _ in range(3)] == [0, None, None]
    assert limit.take("b") == 0
