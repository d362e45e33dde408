"""What happens to calls, numbers and processes when workers end: killed, told to stop, or unable to start."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from support import toys
from support.load import ONE, RAW, RETRYING, Load, Watcher
from support.process import ServerProcess
from support.scrape import Scrape
from support.traffic import LOGGED, ServerSide, Traffic
from support.wire import TIMEOUT, connect, record
from support.workers import WORKERS, Workers, gone, page, serving_workers, workers_process

ASKED_AT_MOST = 64
LONG = "3600"
OK = {"code": "OK", "method": "Predict"}


def calls(scrape: Scrape) -> float:
    return scrape.value("ridgeline_calls_total", **OK)


def kill(workers: Workers, number: int) -> None:
    os.kill(workers.pid(number), signal.SIGKILL)


def ready(workers: Workers) -> tuple[int, bytes]:
    """Status and text of /readyz."""
    try:
        with urlopen(f"http://{workers.ops}/readyz", timeout=TIMEOUT) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def test_when_a_worker_is_killed_under_load_every_call_is_right_or_unavailable(toy_models: Path) -> None:
    with serving_workers(toy_models) as workers:
        load = Load(workers.address)
        with Watcher(workers.ops).running(), load.running():
            load.wait_answers(5)
            busiest = max(workers.numbers(), key=lambda number: calls(page(workers.own_ops(number))))
            before = calls(page(workers.ops))
            kill(workers, busiest)
            workers.wait_restarted(busiest)
            load.wait_answers(5)
            ask_until(lambda: calls(page(workers.own_ops(busiest))) > 0, workers.address)
        after = page(workers.ops)
    assert set(load.outcomes) <= {"OK", "UNAVAILABLE"}
    assert before <= calls(after) <= load.outcomes["OK"] + RAW + RETRYING + ASKED_AT_MOST
    assert after.value("ridgeline_workers") == 2
    assert after.value("ridgeline_worker_restarts_total") == 1
    assert "was ended by signal 9 (Killed)" in workers.process.stderr


def ask_until(reached: Callable[[], bool], address: str) -> None:
    """Call on new connections, each of which may come to any worker."""
    for _ in range(ASKED_AT_MOST):
        with connect(address) as wire:
            wire.predict(ONE)
        if reached():
            return
    raise AssertionError("no connection came to the worker")


def test_what_is_left_counts_on_and_the_page_keeps_what_the_dead_one_counted(toy_models: Path) -> None:
    with serving_workers(toy_models) as workers:
        for _ in range(16):
            with connect(workers.address) as wire:
                wire.predict(ONE)
        before = page(workers.ops)
        assert calls(before) == 16
        kill(workers, 2)
        workers.wait_restarted(2)
        with connect(workers.address) as wire:
            wire.predict(ONE)
        after = page(workers.ops)
        own = [calls(page(workers.own_ops(number))) for number in workers.numbers()]
        assert calls(after) == 17
        assert sum(own) < 17
        cpu = "process_cpu_seconds_total"
        assert after.value(cpu) >= before.value(cpu)


def test_a_server_under_load_that_is_told_to_stop_drains_all_its_workers(toy_models: Path) -> None:
    with serving_workers(toy_models, *LOGGED) as workers:
        with Traffic(workers.address) as traffic:
            traffic.wait_flowing(calls=5)
            workers.process.tell(signal.SIGTERM)
            assert workers.process.wait() == 0
    told_so(traffic, workers.process)


def test_workers_that_are_told_too_drain_once(toy_models: Path) -> None:
    """A service manager may signal every process it knows."""
    with serving_workers(toy_models, *LOGGED) as workers:
        with Traffic(workers.address) as traffic:
            traffic.wait_flowing(calls=5)
            for pid in (workers.pid(1), workers.process.pid, workers.pid(2)):
                os.kill(pid, signal.SIGTERM)
            assert workers.process.wait() == 0
    told_so(traffic, workers.process)


def told_so(traffic: Traffic, process: ServerProcess) -> None:
    """Both sides agree on every call, and all is answered or UNAVAILABLE."""
    server = ServerSide.of(process.stderr)
    assert process.stderr.count("drained in") == WORKERS
    assert traffic.strange(server) == set()
    assert traffic.lost(server) == 0
    for method in ("Predict", "PredictBatch", "PredictStream"):
        assert server.calls[method, "OK"] == traffic.outcomes[method, "OK"] >= 5
    for kind in ("idle stream", "Watch"):
        assert traffic.outcomes[kind, "UNAVAILABLE"] >= 2


def test_until_load_balancers_have_noticed_it_answers_and_told_twice_it_leaves_at_once(
    toy_models: Path,
) -> None:
    with serving_workers(toy_models, "--drain-delay-s", LONG) as workers:
        pids = [workers.pid(number) for number in workers.numbers()]
        workers.process.tell(signal.SIGTERM)
        for _ in pids:
            workers.process.wait_line("unhealthy")
        assert ready(workers) == (503, b"lame_duck\n")
        with connect(workers.address) as wire:
            assert wire.ask("predict", record()).prediction.price > 0
        workers.process.tell(signal.SIGTERM)
        assert workers.process.wait() == 128 + signal.SIGTERM
        assert all(gone(pid) for pid in pids)


def test_a_worker_that_cannot_leave_is_killed_after_the_grace(toy_models: Path) -> None:
    with serving_workers(toy_models, "--drain-grace-s", "0.1") as workers:
        os.kill(workers.pid(2), signal.SIGSTOP)
        workers.process.tell(signal.SIGTERM)
        assert workers.process.wait() == 0
        assert gone(workers.pid(2))
    assert f"worker 2, process {workers.pid(2)}, does not leave: it is killed" in workers.process.stderr


def test_workers_do_not_outlive_a_supervisor_that_is_killed(toy_models: Path) -> None:
    with serving_workers(toy_models) as workers:
        pids = [workers.pid(number) for number in workers.numbers()]
        workers.process.tell(signal.SIGKILL)
        assert all(gone(pid) for pid in pids)
        host, _, port = workers.address.rpartition(":")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)))


def test_one_worker_told_to_stop_is_replaced(toy_models: Path) -> None:
    with serving_workers(toy_models) as workers:
        os.kill(workers.pid(1), signal.SIGTERM)
        workers.wait_restarted(1)
        assert "left with exit code 0" in workers.process.stderr
        assert page(workers.ops).value("ridgeline_workers") == 2


def test_a_worker_that_comes_later_serves_what_the_others_do(tmp_path: Path) -> None:
    models = toys.export(tmp_path)
    with serving_workers(models) as workers:
        toys.export(tmp_path)
        assert (models / "toys" / "2").is_dir()
        kill(workers, 1)
        workers.wait_restarted(1)
        for number in workers.numbers():
            own = page(workers.own_ops(number))
            assert own.value("ridgeline_model_info", version="1") == own.value("ridgeline_model_info") == 1


def test_what_cannot_start_again_is_tried_ever_more_slowly_while_the_others_serve(tmp_path: Path) -> None:
    models = toys.export(tmp_path)
    version, away = models / "toys" / "1", tmp_path / "away"
    with serving_workers(models) as workers:
        shutil.move(version, away)
        kill(workers, 1)
        for wait in ("0.1", "0.2", "0.4"):
            line = workers.process.wait_line("another one starts in")
            assert f"worker 1, process {workers.pid(1)}, " in line
            assert f"another one starts in {wait} s" in line
        assert ready(workers) == (200, b"serving\n")
        kill(workers, 2)
        workers.process.wait_line("worker 2, process")
        assert ready(workers) == (503, b"no worker serves\n")
        with urlopen(f"http://{workers.ops}/livez", timeout=TIMEOUT) as answer:
            assert answer.status == 200
        none = page(workers.ops)
        assert (none.value("ridgeline_ready"), none.value("ridgeline_workers")) == (0, 0)
        shutil.move(away, version)
        for _ in workers.numbers():
            workers.process.wait_line(": serving on ")
        assert ready(workers) == (200, b"serving\n")
    assert "holds no model" in workers.process.stderr


def test_a_model_that_must_not_be_served_stops_the_start_and_is_told_once(
    toy_models: Path, tmp_path: Path
) -> None:
    shutil.copytree(toy_models, tmp_path / "models")
    spoilt = tmp_path / "models" / "toys" / "1" / "linear.json"
    spoilt.write_bytes(spoilt.read_bytes() + b" ")
    with workers_process(tmp_path / "models") as workers:
        assert workers.process.wait() == 2
    assert workers.process.stderr.count("not fit to serve") == 1
    assert "linear.json" in workers.process.stderr
    assert "serving on" not in workers.process.stderr
    assert "Traceback" not in workers.process.stderr


def test_a_directory_without_models_stops_the_start_before_any_worker(tmp_path: Path) -> None:
    with workers_process(tmp_path) as workers:
        assert workers.process.wait() == 2
    assert "holds no model" in workers.process.stderr
    assert "is process" not in workers.process.stderr


@pytest.mark.parametrize(
    ("crash", "code", "fate"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", 128 + 9, "was ended by signal 9 (Killed)"),
        ("os._exit(7)", 7, "left with exit code 7"),
        ("os._exit(0)", 1, "left with exit code 0"),
    ],
)
def test_a_worker_that_crashes_before_it_served_stops_the_start(
    toy_models: Path, tmp_path: Path, crash: str, code: int, fate: str
) -> None:
    (tmp_path / "onnxruntime.py").write_text(f"import os, signal\n{crash}\n")
    with workers_process(toy_models, environment={"PYTHONPATH": str(tmp_path)}) as workers:
        assert workers.process.wait() == code
    assert f"{fate} before it served" in workers.process.stderr.splitlines()[-1]


def test_told_to_stop_while_it_loads_it_leaves_cleanly(toy_models: Path) -> None:
    with workers_process(toy_models) as workers:
        workers.process.wait_line("worker 2 is process")
        workers.process.tell(signal.SIGTERM)
        assert workers.process.wait() == 0
    for trouble in ("Traceback", "does not leave"):
        assert trouble not in workers.process.stderr


def test_a_worker_that_answers_no_more_is_named_by_livez(toy_models: Path) -> None:
    with serving_workers(toy_models) as workers:
        os.kill(workers.pid(2), signal.SIGSTOP)
        try:
            with pytest.raises(HTTPError) as caught:
                urlopen(f"http://{workers.ops}/livez", timeout=TIMEOUT)
            with caught.value as answer:
                assert (answer.code, answer.read()) == (503, b"no answer from worker 2\n")
        finally:
            os.kill(workers.pid(2), signal.SIGCONT)
        with urlopen(f"http://{workers.ops}/livez", timeout=TIMEOUT) as answer:
            assert answer.read() == b"live\n"
