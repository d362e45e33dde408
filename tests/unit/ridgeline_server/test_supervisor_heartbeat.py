"""When a worker that does not answer is taken to hang."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ridgeline_server.supervisor.heartbeat import ASK_S, LEAST_LOOKS, PERIOD_S, Silence, hangs


class Scripted:
    """A worker that answers as a script says and ends with it: + in time, - not in time, x with an error at
    once; the clock moves while it is waited for."""

    def __init__(self, script: str) -> None:
        self._answers: Iterator[str] = iter(script)
        self.asked = 0
        self.now = 100.0
        self._left = len(script)

    def ask(self, path: str, timeout: float) -> str | None:
        assert path == "/livez"
        self.asked += 1
        self._left -= 1
        answer = next(self._answers)
        if answer == "-":
            self.now += timeout
        return "live\n" if answer == "+" else None

    def wait_end(self, seconds: float) -> bool:
        assert 0 <= seconds <= PERIOD_S
        self.now += seconds
        return self._left == 0

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(("limit_s", "patience_s"), [(1, ASK_S), (3, ASK_S), (12, 4.0)])
def test_a_busy_worker_may_take_its_share_of_the_limit_to_answer(limit_s: float, patience_s: float) -> None:
    worker = Scripted("-")
    before = worker.now
    assert not hangs(worker, limit_s, worker.clock)
    assert worker.now - before == patience_s


@pytest.mark.parametrize(
    ("script", "limit_s", "asked"),
    [
        ("----------", 4.5, LEAST_LOOKS),
        ("++----------", 4.5, 2 + LEAST_LOOKS),
        ("+--+----------", 4.5, 4 + LEAST_LOOKS),
        ("----------", 1, LEAST_LOOKS),
        ("xxxxxxxxxx", 1, LEAST_LOOKS),
        ("xxxxxxxxxx", 4.5, 6),
    ],
)
def test_it_hangs_when_it_has_been_silent_for_long_enough(script: str, limit_s: float, asked: int) -> None:
    worker = Scripted(script)
    assert hangs(worker, limit_s, worker.clock)
    assert worker.asked == asked


@pytest.mark.parametrize("script", ["+", "-", "+++", "--", "--+--+--", "xxxx+xxxx"])
def test_one_that_answers_in_time_or_ends_does_not(script: str) -> None:
    worker = Scripted(script)
    assert not hangs(worker, 4.5, worker.clock)
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
