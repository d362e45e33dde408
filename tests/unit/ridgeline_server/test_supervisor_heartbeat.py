"""When a worker that does not answer is taken to hang."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ridgeline_server.supervisor.heartbeat import LEAST_LOOKS, PERIOD_S, Silence, hangs

ASK_S = 1.0
"""How long this worker lets its supervisor wait for nothing."""


class Scripted:
    """A worker that answers as a script says and ends with it; the clock moves while it is waited for."""

    def __init__(self, script: str) -> None:
        self._answers: Iterator[str] = iter(script)
        self.asked = 0
        self.now = 100.0
        self._left = len(script)

    def ask(self, path: str) -> str | None:
        assert path == "/livez"
        self.asked += 1
        self._left -= 1
        if next(self._answers) == "+":
            return "live\n"
        self.now += ASK_S
        return None

    def wait_end(self, seconds: float) -> bool:
        assert 0 <= seconds <= PERIOD_S
        self.now += seconds
        return self._left == 0

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("script", "limit_s", "asked"),
    [
        ("----------", 4, 4),
        ("++----------", 4, 6),
        ("+---+----------", 4, 9),
        ("----------", 1, LEAST_LOOKS),
    ],
)
def test_it_hangs_when_it_has_been_silent_for_long_enough(script: str, limit_s: float, asked: int) -> None:
    worker = Scripted(script)
    assert hangs(worker, limit_s, worker.clock)
    assert worker.asked == asked


@pytest.mark.parametrize("script", ["+", "-", "+++", "---", "---+---+---"])
def test_one_that_answers_in_time_or_ends_does_not(script: str) -> None:
    worker = Scripted(script)
    assert not hangs(worker, 4, worker.clock)
    assert worker.asked == len(script)


def test_a_machine_that_slept_does_not_make_its_workers_hang() -> None:
    silence = Silence(limit_s=10)
    assert not silence.lasts_too_long(asked=0, now=3600)
    assert not silence.lasts_too_long(asked=3600, now=3601)
    silence.ends()
    assert not silence.lasts_too_long(asked=3602, now=3603)
    assert not silence.lasts_too_long(asked=3607, now=3608)
    assert not silence.lasts_too_long(asked=3610, now=3611.9)
    assert silence.lasts_too_long(asked=3612, now=3613)
