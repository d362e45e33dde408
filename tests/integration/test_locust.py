"""Locust and the gate as people run them: commands, against a real server, for seconds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

import harness
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from support.stub_server import StubServicer, running_stub

LOADTESTS = Path(harness.__file__).parent.parent
SMALL = ["--distinct-records", "100", "--distinct-messages", "4", "--batch-rows", "50", "--chunk-rows", "100"]
KINDS = ["Predict", "PredictBatch", "PredictStream, chunk"]
QUICK = ["--window", "0.5", "--warmup", "1", "--seconds", "30", "--agreement", "1000"]
PATIENCE_S = 120


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=os.environ | {"COLUMNS": "200", "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def locust(target: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return run("-m", "locust", "-f", str(LOADTESTS / "locustfile.py"), "--host", target, "--headless", *flags)


def gate(target: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return run(str(LOADTESTS / "gate.py"), "--target", target, "--users", "4", *flags)


@dataclass(frozen=True)
class Figures:
    """The tables of a run, by kind of request."""

    ours: dict[str, dict[str, int]]
    locusts: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, printed: str, written: Path) -> Figures:
        rows = [
            [cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line
        ]
        ours: dict[str, dict[str, int]] = {kind: {} for kind in KINDS}
        for name, *values in rows:
            for kind, value in zip(KINDS, values, strict=True):
                ours[kind][name] = int(value.replace(",", ""))
        return cls(ours, {told["name"]: told for told in json.loads(written.read_text())})


@pytest.mark.parametrize("processes", [1, 2])
def test_locust_and_our_own_histogram_count_the_same_and_find_nothing_wrong(
    toy_server: App, tmp_path: Path, processes: int
) -> None:
    flags = ["-u", "6", "-r", "6", "-t", "4s", "--html", str(tmp_path / "report.html")]
    flags += ["--json-file", str(tmp_path / "stats")]
    weights = ["--unary-weight", "1", "--batch-weight", "1", "--stream-weight", "1"]
    several = ["--processes", str(processes)] if processes > 1 else []
    done = locust(f"grpc://{toy_server.address}", *flags, *weights, *SMALL, *several)
    assert done.returncode == 0, done.stderr
    figures = Figures.of(done.stdout, tmp_path / "stats.json")
    for kind in KINDS:
        ours, theirs = figures.ours[kind], figures.locusts[kind]
        assert ours["priced requests"] == theirs["num_requests"] > 0
        assert ours["wrong answers"] == theirs["num_failures"] == 0
        assert ours["p50, us"] <= ours["p95, us"] <= ours["max, us"]
        assert ours["max, us"] / 1e3 == pytest.approx(theirs["max_response_time"], rel=0.02, abs=1)
    refused = figures.locusts.get("Predict, to be refused", {"num_requests": 0, "num_failures": 0})
    assert figures.ours["Predict"]["rows refused, as expected"] == refused["num_requests"]
    assert refused["num_failures"] == 0
    assert "PredictStream, chunk" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("target", "flags", "reason"),
    [
        ("127.0.0.1:1", [], "127.0.0.1:1 is unavailable"),
        (
            "127.0.0.1:1",
            ["--batch-rows", "0", "--window", "0"],
            "batch_rows is 0: expected 1 or more; window is 0",
        ),
    ],
)
def test_a_load_that_cannot_be_is_refused_in_words(target: str, flags: Sequence[str], reason: str) -> None:
    done = locust(target, "-u", "1", "-t", "5s", *flags)
    assert done.returncode != 0
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_the_gate_passes_a_server_that_answers_right_and_fast_enough(toy_server: App) -> None:
    done = gate(toy_server.address, *QUICK, "--rate", "1", "--json", "--server-pid", str(os.getpid()))
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["passed"], told["reasons"], len(told["windows"])) == (True, [], 3)
    for window in told["windows"]:
        assert window["priced_requests"] == pytest.approx(window["predictions_per_s"] * window["seconds"])
        assert 0 < window["latency_us"]["p50"] <= window["latency_us"]["p99"] <= window["latency_us"]["max"]
        assert window["wrong_answers"] == {}
        assert window["generator_cores"] > 0
        assert window["server_us_per_call"] > 0
        assert window["users"] == 4  # the ramp is over
    limit, *lines = [line for line in done.stderr.splitlines() if line.startswith("window")]
    assert limit.endswith("gives up after 58, and after 11 of which none was good enough")
    assert len(lines) == 3


def test_the_gate_ends_when_the_windows_that_are_left_cannot_make_it_pass(toy_server: App) -> None:
    flags = ["--window", "0.5", "--warmup", "1", "--seconds", "4", "--agreement", "0", "--rate", "1"]
    done = gate(toy_server.address, *flags)
    assert done.returncode == 1, done.stdout + done.stderr
    told = r"no 3 windows in a row of [45] agree within 0%, and [12] more of 6 windows cannot make it pass"
    assert re.search(told, done.stdout)


def test_the_gate_fails_a_server_that_is_too_slow_by_its_rule(toy_server: App) -> None:
    done = gate(toy_server.address, *QUICK, "--rate", "1e9")
    assert done.returncode == 1
    assert "predictions/s: 1,000,000,000 are required" in done.stdout
    assert done.stdout.endswith("FAILED\n")


@pytest.mark.parametrize("shape", ["step", "spike"])
def test_the_gate_follows_a_shape(toy_server: App, shape: str) -> None:
    done = gate(toy_server.address, "--shape", shape, "--seconds", "6", "--json")
    told = json.loads(done.stdout)
    users = [window["users"] for window in told["windows"]]
    expected = {"step": [1, 2, 4], "spike": [4, 32, 4]}
    assert (told["shape"], users) == (shape, expected[shape])


class FailsOften(StubServicer):
    """Prices most records, and fails for others that are as good."""

    calls = 0

    def Predict(self, request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictResponse:
        self.calls += 1
        if self.calls % 10 == 0:
            context.abort(grpc.StatusCode.INTERNAL, "something broke")
        return pb.PredictResponse(prediction=pb.Prediction(price=100.0))


class RefusesAll(StubServicer):
    """Refuses whatever it is asked."""

    def Predict(self, request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictResponse:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")
        raise AssertionError("abort returned")


class PricesAll(StubServicer):
    """Prices even records that it must refuse."""

    def Predict(self, request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictResponse:
        return pb.PredictResponse(prediction=pb.Prediction(price=100.0))


@pytest.mark.parametrize(
    ("servicer", "problem"),
    [
        (FailsOften, "INTERNAL something broke"),
        (RefusesAll, "INVALID_ARGUMENT"),
        (PricesAll, "OK for an invalid record"),
    ],
)
def test_the_gate_fails_a_server_that_answers_wrongly(servicer: type[StubServicer], problem: str) -> None:
    with running_stub(servicer()) as stub:
        done = gate(stub.address, *QUICK, "--agreement", "0", "--rate", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f" x {problem}" in done.stdout
    assert "of the answers are not the ones they must be: below 1% is required" in done.stdout


def test_the_gate_says_when_there_is_nothing_to_measure() -> None:
    done = gate("127.0.0.1:1", "--seconds", "60")
    assert done.returncode == 2
    assert done.stderr.startswith("error: 127.0.0.1:1 is unavailable")
    assert "Traceback" not in done.stderr
