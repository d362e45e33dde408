"""A supervisor with the pages that operators see of it."""

from __future__ import annotations

import logging
import threading
from functools import partial

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from ridgeline_server.config import Settings
from ridgeline_server.monitoring.pages import Page
from ridgeline_server.ops import OpsServer, Readiness
from ridgeline_server.supervisor.supervisor import Phase, Supervisor

_log = logging.getLogger("ridgeline")

_LIVE_S = 4.0  # a worker's call to itself may take three
_POLL_S = 1.0  # what a worker has counted since is lost when it is killed


def run(settings: Settings, told_to_stop: threading.Event) -> None:
    """Serve with `settings.workers` processes until `told_to_stop` is set, and drain them.

    Raises:
        ArtifactError: there is no model.
        OSError: an address cannot be had, or there cannot be another process.
        WorkerFailed: a worker ended before it served for the first time.
    """
    supervisor = Supervisor(settings, told_to_stop)
    if settings.ops_address:
        scrape = (lambda: supervisor.totals.page(own_page(supervisor))) if settings.metrics else None
        pages = partial(readiness, supervisor), partial(fault, supervisor), scrape
        ops = OpsServer(settings.ops_address, *pages)
        ops.start()
        if settings.metrics:
            threading.Thread(target=_poll, args=(supervisor,), name="poll", daemon=True).start()
        told = "/livez, /readyz and /metrics" if settings.metrics else "/livez and /readyz"
        _log.info("%s of all workers on http://%s", told, ops.address)
    supervisor.run()


def readiness(supervisor: Supervisor) -> Readiness:
    """Ready once every worker has begun to serve, and from then on as long as one of them does."""
    phase = supervisor.phase
    if phase is not Phase.SERVING:
        return False, phase
    if any(worker.ask("/readyz") for worker in supervisor.serving()):
        return True, phase
    return False, "no worker serves"


def fault(supervisor: Supervisor) -> str:
    """Which workers serve and do not answer, "" when all do."""
    silent = [worker for worker in supervisor.serving() if worker.ask("/livez", _LIVE_S) is None]
    return f"no answer from {', '.join(f'worker {worker.number}' for worker in silent)}" if silent else ""


def own_page(supervisor: Supervisor) -> Page:
    """What no worker knows, and the supervisor's own share in memory and CPU time."""
    workers = GaugeMetricFamily(
        "ridgeline_workers", "Worker processes that serve.", value=len(supervisor.serving())
    )
    restarts = CounterMetricFamily(
        "ridgeline_worker_restarts_total",
        "Workers that were started in place of one that had ended.",
        value=supervisor.restarts,
    )
    # Also when there is no worker to say so.
    ready = GaugeMetricFamily("ridgeline_ready", "1 while the server is SERVING, else 0.", value=0)
    return [workers, restarts, ready, *ProcessCollector(registry=None).collect()]


def _poll(supervisor: Supervisor) -> None:
    wait = threading.Event()
    while not wait.wait(_POLL_S):
        supervisor.totals.ask()
