"""The proof that an open loop sees a stall which a closed loop hides, and the commands that measure."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import openloop
from harness import arrivals
from harness.calls import OK, price_calls, run
from harness.closed_loop import Bounds, ClosedRun, run_closed
from harness.open_loop import OpenRun, run_open
from harness.open_summary import OpenSummary
from ridgeline_server.app import App
from support.commands import Capture, told
from support.gate import Gate
from support.process import ServerProcess, free_ports, server_process

RATE, SECONDS, STALL_S = 200.0, 10.0, 1.0
PATIENCE_S = 60.0
SCRIPT = Path(openloop.__file__)


async def stalled(process: ServerProcess, address: str) -> tuple[OpenRun, ClosedRun]:
    """An open and a closed run at one time, against a server that stops for STALL_S in the middle."""

    async def stall() -> None:
        await asyncio.sleep(SECONDS / 3)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(STALL_S)
        finally:
            os.kill(process.pid, signal.SIGCONT)

    calls = price_calls(address)
    opened, closed, _ = await asyncio.gather(
        run_open(calls, arrivals.constant(RATE, SECONDS), connections=2),
        run_closed(calls, 2, Bounds(SECONDS)),
        stall(),
    )
    return opened, closed


def test_an_open_loop_shows_a_stall_in_its_p99_and_a_closed_loop_does_not(toy_models: Path) -> None:
    with server_process(*free_ports(toy_models)) as process:
        opened, closed = run(asyncio.wait_for(stalled(process, process.address()), PATIENCE_S))
    summary = OpenSummary.of(opened, SECONDS)
    assert summary.complete
    assert summary.sent == RATE * SECONDS
    assert summary.from_due.percentile(99) >= 300_000
    assert set(closed.codes) == {OK}
    assert closed.latency.percentile(99) < 300_000
    assert closed.latency.max_us >= 500_000  # the callers did wait: once each, among all their calls


def test_a_short_run_sends_and_answers_everything(capsys: Capture, toy_server: App) -> None:
    flags = ("--rate", "100", "--seconds", "1", "--warmup", "0.2", "--arrivals", "constant")
    code, printed = told(
        capsys,
        openloop.main,
        "--target",
        toy_server.address,
        "--server-pid",
        str(os.getpid()),
        "--json",
        *flags,
    )
    shown = json.loads(printed)
    assert code == 0
    assert (shown["scheduled"], shown["sent"], shown["codes"]) == (100, 100, {"OK": 100})
    assert 0 < shown["from_sent_us"]["p50"] <= shown["from_due_us"]["max"]
    assert shown["cpu"]["server_us_per_call"] > 0


def test_batches_go_to_the_method_for_batches(
    capsys: Capture, toy_server: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    flags = ("--rate", "20", "--seconds", "0.5", "--warmup", "0", "--rows", "7")
    code, printed = told(capsys, openloop.main, "--target", toy_server.address, *flags)
    assert code == 0
    assert "PredictBatch of 7 rows" in printed
    assert "; taken by other guests of the host: " in printed
    assert gate.runs > 0


def test_calls_without_an_answer_in_time_fail_the_run(
    capsys: Capture, toy_server: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    gate.close()
    try:
        flags = ("--rate", "20", "--seconds", "0.5", "--warmup", "0", "--timeout", "0.3")
        code, printed = told(
            capsys, openloop.main, "--target", toy_server.address, "--arrivals", "constant", *flags
        )
    finally:
        gate.open()
    assert code == 1
    assert "10 scheduled, 10 sent, 0 answered" in printed
    assert "10 DEADLINE_EXCEEDED" in printed


def test_an_interrupted_run_prints_what_it_measured(toy_server: App, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    flags = ("--target", toy_server.address, "--rate", "100", "--seconds", "60", "--warmup", "0")
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        for _ in range(20):
            gate.wait_entered()
        process.send_signal(signal.SIGINT)
        printed, complaints = process.communicate()
    assert process.returncode == 1
    assert "calls were not sent" in printed
    assert "p99" in printed
    assert complaints == ""


def test_all_wrong_options_are_told_at_once(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        told(capsys, openloop.main, "--rate", "0", "--connections", "0", "--seconds", "nan", "--rows", "0")
    assert ended.value.code == 2
    complaint = capsys.readouterr().err
    for flag in ("--rate is 0", "--connections is 0", "--seconds is nan", "--rows is 0"):
        assert flag in complaint
