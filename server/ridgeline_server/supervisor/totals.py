"""One metrics page of all workers, those that are gone included."""

from __future__ import annotations

import threading

from ridgeline_server.monitoring.pages import Page, counted, exposition, merge, parse
from ridgeline_server.supervisor.worker import Worker


class Totals:
    """What the workers have counted. Safe to share between threads.

    A number that only grows does not go down when a worker ends: what its last page counted is kept.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._last: dict[Worker, str] = {}
        self._departed: Page = []

    def join(self, worker: Worker) -> None:
        """Ask this worker from now on."""
        with self._lock:
            self._last[worker] = ""

    def leave(self, worker: Worker) -> None:
        """This worker is gone."""
        with self._lock:
            page = parse(self._last.pop(worker, ""))
            self._departed = merge([self._departed, counted(page)])

    def ask(self) -> None:
        """Get the pages of all workers. One that does not answer keeps the page it has."""
        with self._asking:  # no older page may come after a newer one
            for worker in list(self._last):
                text = worker.ask("/metrics")
                with self._lock:
                    if text is not None and worker in self._last:
                        self._last[worker] = text

    def page(self, own: Page) -> bytes:
        """Ask, and return one page of everything, `own` included, in Prometheus' text format."""
        self.ask()
        with self._lock:
            pages, departed = list(self._last.values()), self._departed
        return exposition(merge([own, departed, *map(parse, pages)]))
