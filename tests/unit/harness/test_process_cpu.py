"""CPU time and memory of process trees, compared with what the processes say about themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import psutil  # type: ignore[import-untyped]
import pytest

from harness import process_cpu
from harness.process_cpu import CpuMeter, MachineTime, told_stolen, usage

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
    me = psutil.Process()
    family = [me, *me.children(recursive=True)]  # what earlier tests have left running
    expected = sum(process.memory_info().rss for process in family)
    assert usage(os.getpid()).resident_bytes == pytest.approx(expected, rel=0.05)


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


STAT = "cpu  400 10 90 450 20 5 15 10 300 9\ncpu0 200 5 45 225 10 2 8 5 150 4\nintr 12345\n"


def test_the_machines_time_has_idle_time_and_no_guests_of_its_own_twice() -> None:
    assert MachineTime.parse(STAT) == MachineTime(total=1_000, stolen=10)


@pytest.mark.parametrize("text", ["", "cpu0 1 2 3 4 5 6 7 8 9 10\n", "cpu  400 10 90 450 20 5 15\n"])
def test_a_kernel_that_does_not_tell_what_was_stolen_leaves_it_unknown(text: str) -> None:
    assert MachineTime.parse(text) is None


def test_what_was_stolen_is_a_share_of_the_time_between() -> None:
    before = MachineTime(total=1_000, stolen=10)
    assert MachineTime(1_200, 16).stolen_share_since(before) == 0.03
    assert MachineTime(1_200, 9).stolen_share_since(before) == 0.0  # some hosts count backwards
    assert before.stolen_share_since(before) is None


def test_what_was_stolen_is_told_or_said_to_be_unknown() -> None:
    assert told_stolen(0.0312) == "taken by other guests of the host: 3.1% of this machine's CPU time"
    assert told_stolen(None) == "taken by other guests of the host: not known"


def test_a_meter_without_the_machines_time_does_not_know_what_was_stolen(
    monkeypatch: pytest.MonkeyPatch, parent: subprocess.Popen[str]
) -> None:
    times = iter([MachineTime(1_000, 10), MachineTime(1_400, 30), MachineTime(1_500, 30), None])
    monkeypatch.setattr(process_cpu, "_machine_time", lambda: next(times))
    assert CpuMeter(parent.pid).stop(1).stolen_share == 0.05
    assert CpuMeter(None).stop(1).stolen_share is None
