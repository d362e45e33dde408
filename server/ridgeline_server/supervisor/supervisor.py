"""Starts the workers, starts them again when they end, and stops them."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from queue import Empty, SimpleQueue

from ridgeline_server.config import Settings, as_flags
from ridgeline_server.link import Word
from ridgeline_server.rollout.directories import highest, model_directories
from ridgeline_server.supervisor.heartbeat import hangs
from ridgeline_server.supervisor.port import SharedPort
from ridgeline_server.supervisor.restarts import wait_before_restart
from ridgeline_server.supervisor.totals import Totals
from ridgeline_server.supervisor.worker import Worker

_log = logging.getLogger("ridgeline")

_LEAVE_S = 3.0  # beyond the grace: to export the last spans and to leave


class Phase(StrEnum):
    """Where the server is in its life: the states of one process, for all workers together."""

    LOADING = "loading"
    SERVING = "serving"
    LAME_DUCK = "lame_duck"
    DRAINING = "draining"
    STOPPED = "stopped"


class WorkerFailed(Exception):
    """A worker ended before the server ever served. The text says why, `exit_code` is the worker's."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class Supervisor:
    """Keeps `settings.workers` processes serving on one port.

    Whatever happens to workers is done by the thread that is in `run`; others leave it tasks.

    Attributes:
        address: where the workers serve, with the real port.
        phase: where the server is in its life.
        restarts: how many workers have been started in place of one that had ended.
        totals: what the workers have counted.
    """

    def __init__(self, settings: Settings, told_to_stop: threading.Event) -> None:
        """Hold the port. `told_to_stop` ends `run`.

        Raises:
            ArtifactError: there is no model.
            OSError: the address cannot be had.
        """
        versions = highest(model_directories(settings.models))
        self._settings = settings
        self._told_to_stop = told_to_stop
        self._port = SharedPort(settings.address)
        self.address = self._port.address
        own = settings.model_copy(update={"address": self.address, "ops_address": "127.0.0.1:0"})
        # With the versions: a worker that starts later must serve what the others do.
        self._arguments = ["worker", f"--versions={json.dumps(versions)}", *as_flags(own)]
        self._tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._workers: dict[int, Worker] = {}
        self._waits: dict[int, float] = {}
        self.phase = Phase.LOADING
        self.restarts = 0
        self.totals = Totals()

    def serving(self) -> Sequence[Worker]:
        """The workers that have begun to answer calls and run."""
        return [worker for worker in list(self._workers.values()) if worker.serving_since is not None]

    def run(self) -> None:
        """Serve until told to stop, and drain. No worker is left in the end.

        Raises:
            WorkerFailed: a worker ended before it served for the first time.
            OSError: there cannot be another process.
        """
        threading.Thread(target=self._await_stop, name="stop", daemon=True).start()
        try:
            for number in range(1, self._settings.workers + 1):
                self._start(number)
            while self.phase is not Phase.STOPPED:
                self._tasks.get()()
        finally:
            for worker in self._workers.values():
                worker.kill()
                worker.wait_end()
            self._port.close()

    def _await_stop(self) -> None:
        self._told_to_stop.wait()
        self._tasks.put(self._drain)

    def _start(self, number: int) -> None:
        worker = Worker(
            number,
            self._arguments,
            lambda *heard: self._tasks.put(partial(self._hear, *heard)),
            lambda worker: self._tasks.put(partial(self._part_with, worker)),
        )
        self._workers[number] = worker
        _log.info("worker %d is process %d", number, worker.pid)

    def _hear(self, worker: Worker, word: Word, text: str) -> None:
        if word is Word.FAILED:
            worker.failure = text
        elif word is Word.LOADED:
            worker.ops_address = text
            self.totals.join(worker)
            self._let_listen(worker)
            threading.Thread(target=self._watch, args=(worker,), name="watch", daemon=True).start()
        elif word is Word.SERVING:
            worker.serving_since = time.monotonic()
            if self.phase is Phase.LOADING and len(self.serving()) == self._settings.workers:
                self.phase = Phase.SERVING
                _log.info("%d workers serving on %s", self._settings.workers, self.address)
            elif worker.number in self._waits:
                _log.info("worker %d, process %d, serves in its place", worker.number, worker.pid)

    def _let_listen(self, worker: Worker) -> None:
        """At the start all together: callers who wait for the port would else all come to the first one."""
        if self.phase is not Phase.LOADING:
            worker.say(Word.LISTEN)
        elif all(each.ops_address for each in self._workers.values()):
            for each in self._workers.values():
                each.say(Word.LISTEN)

    def _watch(self, worker: Worker) -> None:
        if hangs(worker, self._settings.worker_timeout_s):
            self._tasks.put(partial(self._end_hung, worker))

    def _end_hung(self, worker: Worker) -> None:
        if self._workers.get(worker.number) is not worker:
            return
        text = "worker %d, process %d, has not answered for %g s: it is killed"
        _log.error(text, worker.number, worker.pid, self._settings.worker_timeout_s)
        worker.kill()

    def _part_with(self, worker: Worker) -> None:
        del self._workers[worker.number]
        self.totals.leave(worker)
        if self._told_to_stop.is_set():
            return
        if self.phase is Phase.LOADING and worker.serving_since is None:
            fate = f"ridgeline-server: worker {worker.number} {worker.fate} before it served"
            raise WorkerFailed(worker.failure or fate, worker.exit_code or 1)
        served = 0.0 if worker.serving_since is None else time.monotonic() - worker.serving_since
        wait = self._restart_later(worker.number, served)
        _log.warning(
            "worker %d, process %d, %s after %.1f s of serving; another one starts in %g s%s",
            *(worker.number, worker.pid, worker.fate, served, wait),
            f": {worker.failure}" if worker.failure else "",
        )

    def _restart_later(self, number: int, served: float) -> float:
        wait = self._waits[number] = wait_before_restart(self._waits.get(number), served)
        timer = threading.Timer(wait, self._tasks.put, [partial(self._restart, number)])
        timer.daemon = True
        timer.start()
        return wait

    def _restart(self, number: int) -> None:
        if self.phase not in (Phase.LOADING, Phase.SERVING):
            return
        try:
            self._start(number)
        except OSError as error:
            wait = self._restart_later(number, 0.0)
            _log.error("worker %d cannot start: %s; tried again in %g s", number, error.strerror, wait)
        else:
            self.restarts += 1

    def _drain(self) -> None:
        delay = self._settings.drain_delay_s if self.phase is Phase.SERVING else 0.0
        self.phase = Phase.LAME_DUCK if delay else Phase.DRAINING
        for worker in self._workers.values():
            worker.say(Word.STOP)
        self._await_ends(delay)
        self.phase = Phase.DRAINING
        self._await_ends(self._settings.drain_grace_s + _LEAVE_S)
        for worker in self._workers.values():
            _log.warning("worker %d, process %d, does not leave: it is killed", worker.number, worker.pid)
        self.phase = Phase.STOPPED

    def _await_ends(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._workers:
            try:
                task = self._tasks.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                return
            task()
