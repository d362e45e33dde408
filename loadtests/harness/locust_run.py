"""A closed-loop run of single-row requests with Locust as a library, cut into windows."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from locust.env import Environment
from locust.runners import Runner

from harness.load import Load
from harness.options import LoadOptions
from harness.process_cpu import CpuMeter, usage
from harness.shapes import StagedShape
from harness.stages import Stage
from harness.tally import Recorder, Tally
from harness.users import UNARY, PricingUser, UnaryUser, prepare_process
from harness.windows import Window

_STOP_PATIENCE_S = 5.0


class LocustRun:
    """A run under way.

    Args:
        runner: drives the users.
        recorder: where they count.
        server_pid: of a server on this machine, None where it is not known.
    """

    def __init__(self, runner: Runner, recorder: Recorder, server_pid: int | None) -> None:
        self._runner = runner
        self._recorder = recorder
        self._pid = server_pid
        self._began = self._taken = time.perf_counter()

    def skip_until(self, end_s: float) -> None:
        """Let the run go on until `end_s` seconds from its start, uncounted."""
        self._sleep_until(end_s)
        self._take()

    def measure_until(self, end_s: float) -> Window:
        """Let the run go on until `end_s` seconds from its start; returns what happened meanwhile."""
        users, meter = self._runner.user_count, CpuMeter(self._pid)
        self._sleep_until(end_s)
        tally, seconds = self._take()
        cost = meter.stop(tally.requests)
        memory = None if self._pid is None else usage(self._pid).resident_bytes
        return Window(seconds, users, tally, cost, memory)

    def _sleep_until(self, end_s: float) -> None:
        time.sleep(max(0.0, self._began + end_s - time.perf_counter()))

    def _take(self) -> tuple[Tally, float]:
        """What was counted since the last time, and the seconds since then."""
        before, self._taken = self._taken, time.perf_counter()
        return self._recorder.take().get(UNARY, Tally()), self._taken - before


@contextmanager
def locust_run(
    target: str, options: LoadOptions, stages: Sequence[Stage], server_pid: int | None
) -> Iterator[LocustRun]:
    """Start users that ask for one price at a time, as many as the stages say, until the block ends.

    Raises:
        ValueError: the target is no address.
        RidgelineError: the server does not describe its model.
    """
    prepare_process()
    recorder = Recorder()
    load = Load(target, options, recorder)
    load.make_requests()
    PricingUser.use(load)
    endless = replace(stages[-1], end_s=math.inf)  # the end of the block ends the run
    shape = StagedShape([*stages[:-1], endless])
    environment = Environment(user_classes=[UnaryUser], shape_class=shape, stop_timeout=_STOP_PATIENCE_S)
    runner = environment.create_local_runner()
    runner.start_shape()
    try:
        yield LocustRun(runner, recorder, server_pid)
    finally:
        runner.quit()
        load.close()
