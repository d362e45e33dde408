"""Several worker processes are one server to whoever calls, watches or stops it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server import command
from support.metrics_page import documented
from support.process import ServerProcess, failed_start, free_ports
from support.wire import TIMEOUT, Wire, connect, record
from support.workers import WORKERS, Workers, page, serving_workers

CONNECTIONS = 16
CALLS = 3  # on each of them
COUNTED = ("ridgeline_calls_total", "ridgeline_answer_seconds_count", "ridgeline_batch_rows_sum")
HEAVY = {"google", "grpc", "numpy", "onnxruntime"}
SAYS_WHAT_IT_IMPORTED = """
import sys
from ridgeline_server.command import main
code = main()
print("imported", *sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def workers(toy_models: Path) -> Iterator[Workers]:
    with serving_workers(toy_models) as workers:
        yield workers


@pytest.fixture(scope="module")
def wires(workers: Workers) -> Iterator[list[Wire]]:
    """Connections that have made CALLS calls each."""
    with ExitStack() as stack:
        wires = [stack.enter_context(connect(workers.address)) for _ in range(CONNECTIONS)]
        for wire in wires:
            for _ in range(CALLS):
                wire.predict(pb.PredictRequest(record=record()))
        yield wires


def test_connections_come_to_every_worker(workers: Workers, wires: list[Wire]) -> None:
    assert len(wires) == CONNECTIONS
    for number in workers.numbers():
        assert page(workers.own_ops(number)).value("ridgeline_calls_total") >= CALLS


def test_every_worker_gives_the_same_price(wires: list[Wire]) -> None:
    assert len({wire.ask("predict", record()).prediction.price for wire in wires}) == 1


def test_the_one_page_has_the_calls_of_all_workers(workers: Workers, wires: list[Wire]) -> None:
    before = page(workers.ops)
    for wire in wires:
        wire.predict(pb.PredictRequest(record=record()))
    after = page(workers.ops)
    own = [page(workers.own_ops(number)) for number in workers.numbers()]
    for name in COUNTED:
        assert after.value(name) - before.value(name) == len(wires)
        assert after.value(name) == sum(each.value(name) for each in own)
    for name in ("ridgeline_ready", "ridgeline_model_info", "ridgeline_build_info"):
        assert after.value(name) == 1
    load = "ridgeline_load_seconds"
    assert after.value(load) == max(each.value(load) for each in own)
    memory = "process_resident_memory_bytes"
    assert after.value(memory) > max(each.value(memory) for each in own)
    assert after.value("ridgeline_workers") == WORKERS
    assert after.value("ridgeline_worker_restarts_total") == 0


def test_the_one_page_is_documented(workers: Workers) -> None:
    served = {name: (f.type, f.documentation) for name, f in page(workers.ops).families.items()}
    assert served == {name: (kind, text) for name, (kind, _, text) in documented().items()}


def test_it_is_live_ready_and_healthy(workers: Workers, capsys: pytest.CaptureFixture[str]) -> None:
    for path, text in (("/livez", b"live\n"), ("/readyz", b"serving\n")):
        with urlopen(f"http://{workers.ops}{path}", timeout=TIMEOUT) as answer:
            assert answer.read() == text
    assert command.main(["healthcheck", "--address", workers.address]) == 0
    assert capsys.readouterr().out == f"{workers.address} is SERVING\n"


def test_a_second_server_on_the_port_is_refused_with_workers_or_without(
    workers: Workers, toy_models: Path
) -> None:
    for number in ("1", "2"):
        flags = [*free_ports(toy_models), "--address", workers.address, "--workers", number]
        code, stderr = failed_start(*flags)
        assert code == 1
        assert stderr.splitlines()[-1].startswith(f"ridgeline-server: cannot serve on {workers.address}")
        assert "is process" not in stderr


def test_a_taken_ops_port_is_refused_before_any_worker_starts(workers: Workers, toy_models: Path) -> None:
    flags = [*free_ports(toy_models), "--ops-address", workers.ops, "--workers", "2"]
    code, stderr = failed_start(*flags)
    assert code == 1
    assert workers.ops in stderr
    assert "is process" not in stderr


def test_ctrl_c_in_a_terminal_is_for_the_supervisor(workers: Workers) -> None:
    groups = {os.getpgid(workers.pid(number)) for number in workers.numbers()}
    assert os.getpgid(workers.process.pid) not in groups


def test_limits_are_those_of_the_supervisors_settings(toy_models: Path) -> None:
    with serving_workers(toy_models, "--max-rows", "11", "--no-metrics") as workers:
        with connect(workers.address) as wire:
            assert wire.describe().limits.max_rows == 11
        with pytest.raises(OSError, match="404"):
            page(workers.ops)
        assert "/livez and /readyz of all workers" in workers.process.stderr


def test_the_supervisor_imports_nothing_that_serves(toy_models: Path) -> None:
    start = ["-c", SAYS_WHAT_IT_IMPORTED, "serve", *free_ports(toy_models), "--workers", "2"]
    process = ServerProcess(start, {})
    try:
        workers = Workers(process)
        workers.wait_serving()
        assert page(workers.ops).value("ridgeline_workers") == 2
        process.tell(signal.SIGTERM)
        assert process.wait() == 0
    finally:
        process.close()
    (line,) = [line for line in process.stderr.splitlines() if line.startswith("imported ")]
    imported = set(line.split())
    assert "ridgeline_server.supervisor.supervisor" in imported
    assert {name.partition(".")[0] for name in imported} & HEAVY == set()
