"""CPU time and memory of process trees, compared with what the processes say about themselves."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.process_cpu import CpuMeter, usage

# Half of the work in a second thread; then it says what it used, waits for a line, and ends.
_WORKER = """
import json, resource, sys, threading, time
def work():
    until = time.thread_time() + 0.15
    while time.thread_time() < until: pass
thread = threading.Thread(target=work)
thread.start(); work(); thread.join()
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps(used.ru_utime + used.ru_stime), flush=True)
sys.stdin.readline()
"""
# Starts a worker, passes on what it says and what it is told, and waits for its end before its own.
_PARENT = f"""
import subprocess, sys
worker = subprocess.Popen([sys.executable, "-c", {_WORKER!r}], stdin=subprocess.PIPE)
sys.stdin.readline()
worker.communicate(b"\\n")
print("null", flush=True)
sys.stdin.readline()
"""
TOLERANCE_S = 0.08
"""A few steps of 10 ms for each process, and what the parent itself needs."""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def heard(process: subprocess.Popen[str]) -> float | None:
    assert process.stdout is not None
    said: float | None = json.loads(process.stdout.readline())
    return said


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_tree_has_the_time_of_all_threads_of_all_processes(parent: subprocess.Popen[str]) -> None:
    worker_s = heard(parent)
    assert worker_s is not None
    assert worker_s >= 0.3
    alive = usage(parent.pid)
    assert alive.processes == 2
    assert alive.cpu_s == pytest.approx(worker_s, abs=TOLERANCE_S)


def test_the_time_of_a_child_stays_when_it_has_ended(parent: subprocess.Popen[str]) -> None:
    worker_s = heard(parent)
    tell(parent)
    heard(parent)
    after = usage(parent.pid)
    assert after.processes == 1
    assert after.cpu_s == pytest.approx(worker_s, abs=TOLERANCE_S)


def test_memory_is_that_of_all_processes(parent: subprocess.Popen[str]) -> None:
    heard(parent)
    both = usage(parent.pid)
    tell(parent)
    heard(parent)
    assert 0 < usage(parent.pid).resident_bytes < both.resident_bytes


def test_this_process_is_as_large_as_it_says() -> None:
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert 0.2 * largest <= usage(os.getpid()).resident_bytes <= 1.05 * largest


def test_a_process_that_does_not_live_is_said_to_be_none() -> None:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", ""]) as process:
        process.wait()
    with pytest.raises(ProcessLookupError, match=str(process.pid)):
        usage(process.pid)


def test_a_meter_has_the_server_only_where_its_process_is_known() -> None:
    elsewhere = CpuMeter(None).stop(10)
    assert (elsewhere.server_cores, elsewhere.server_us_per_call) == (None, None)
    assert elsewhere.generator_cores > 0


def test_a_meter_shares_the_servers_time_among_the_calls(parent: subprocess.Popen[str]) -> None:
    meter = CpuMeter(parent.pid)
    worker_s = heard(parent)
    assert worker_s is not None
    cost = meter.stop(100)
    assert cost.server_us_per_call == pytest.approx(worker_s * 1e6 / 100, abs=TOLERANCE_S * 1e6 / 100)
    assert cost.server_cores is not None
    assert cost.server_cores > 0
