"""A worker that lives and does not answer is found out, killed and replaced; the others serve on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from support.load import Load
from support.workers import Workers, gone, page, serving_workers

AT_ONCE = ("--worker-timeout-s", "1")


@pytest.mark.parametrize("number", [1, 2])
def test_a_worker_that_is_stopped_is_killed_and_replaced_under_load(toy_models: Path, number: int) -> None:
    with serving_workers(toy_models, *AT_ONCE) as workers:
        stopped = workers.pid(number)
        load = Load(workers.address)
        with load.running():
            load.wait_answers(5)
            os.kill(stopped, signal.SIGSTOP)
            said = workers.process.wait_line("has not answered for 1 s: it is killed")
            workers.wait_restarted(number)
            load.wait_answers(5)
        assert f"worker {number}, process {stopped}, " in said
        assert gone(stopped)
        assert workers.pid(number) != stopped
        assert workers.process.stderr.count("it is killed") == 1
        served = page(workers.ops)
    assert set(load.outcomes) <= {"OK", "UNAVAILABLE"}
    assert served.value("ridgeline_workers") == 2
    assert served.value("ridgeline_worker_restarts_total") == 1


def test_when_all_are_stopped_all_are_replaced(toy_models: Path) -> None:
    with serving_workers(toy_models, *AT_ONCE) as workers:
        for number in workers.numbers():
            os.kill(workers.pid(number), signal.SIGSTOP)
        for _ in workers.numbers():
            workers.process.wait_line("serves in its place")
        assert all_answer(workers)


def test_a_server_whose_worker_is_stopped_can_be_told_to_stop(toy_models: Path) -> None:
    """The grace is an hour: without the look at the worker the server would stay for as long."""
    with serving_workers(toy_models, *AT_ONCE, "--drain-grace-s", "3600") as workers:
        os.kill(workers.pid(2), signal.SIGSTOP)
        workers.process.tell(signal.SIGTERM)
        assert workers.process.wait() == 0
    assert "has not answered for 1 s: it is killed" in workers.process.stderr


def all_answer(workers: Workers) -> bool:
    """Whether each worker's own pages are there."""
    return all(page(workers.own_ops(number)).value("ridgeline_ready") == 1 for number in workers.numbers())
