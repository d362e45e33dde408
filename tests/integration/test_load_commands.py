"""The commands that measure a server, on a small one: what they print, and what they say when they cannot."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import callers
import neighbours
import openloop
import request_bytes
import startup
from harness.calls import OK
from harness.server import server_of
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from support.commands import Capture, Main, told

NOBODY = "127.0.0.1:1"


@pytest.mark.parametrize("main", [openloop.main, callers.main])
def test_a_server_that_is_not_there_is_said_to_be_missing(main: Main, capsys: Capture) -> None:
    code, printed = told(capsys, main, "--target", NOBODY)
    assert code == 1
    assert printed.startswith("error: ")
    assert NOBODY in printed


@pytest.mark.parametrize("main", [openloop.main, startup.main])
def test_models_that_are_not_there_are_the_servers_complaint(
    main: Main, capsys: Capture, tmp_path: Path
) -> None:
    code, printed = told(capsys, main, "--models", str(tmp_path / "none"))
    assert code == 1
    assert str(tmp_path / "none") in printed


def test_the_sweep_doubles_its_callers(
    capsys: Capture, toy_server: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "WARMUP_S", 0.1)
    flags = ("--target", toy_server.address, "--most", "5", "--seconds", "0.2")
    code, printed = told(capsys, callers.main, *flags, "--json")
    steps = json.loads(printed)
    assert code == 0
    assert [step["callers"] for step in steps] == [1, 2, 4]
    assert all(step["codes"].keys() == {OK} and step["rate"] > 0 for step in steps)
    assert "calls/s" in told(capsys, callers.main, *flags)[1]


def test_callers_are_measured_alone_and_beside_a_stream(
    capsys: Capture, toy_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "WARMUP_S", 0.1)
    flags = ("--models", str(toy_models), "--rounds", "1", "--seconds", "0.5", "--chunk-rows", "2000")
    code, printed = told(capsys, neighbours.main, *flags, "--json")
    (measured,) = json.loads(printed)
    assert code == 0
    assert measured["rows_per_s"] > 0
    assert all(measured[half]["rate"] > 0 and not measured[half]["failed"] for half in ("alone", "beside"))
    monkeypatch.setattr(neighbours, "MOST", {"p50_ms": 0.0})
    assert told(capsys, neighbours.main, *flags)[0] == 0
    assert told(capsys, neighbours.main, *flags, "--check")[0] == 1


def test_a_start_is_timed_and_its_memory_read(capsys: Capture, toy_models: Path) -> None:
    code, printed = told(
        capsys, startup.main, "--models", str(toy_models), "--starts", "1", "--calls", "30", "--json"
    )
    shown = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    assert code == 0
    assert shown["codes"] == {OK: 30}
    assert shown["starts"][0]["seconds"] > 0
    assert 20e6 < shown["starts"][0]["idle_bytes"] <= shown["loaded_bytes"] * 1.2


def test_request_bytes_are_one_framed_message(capsys: Capture, toy_server: App, tmp_path: Path) -> None:
    out = tmp_path / "request.bin"
    code, printed = told(capsys, request_bytes.main, "--out", str(out), "--target", toy_server.address)
    frame = out.read_bytes()
    assert code == 0
    assert frame[:5] == b"\0" + len(frame[5:]).to_bytes(4, "big")
    assert pb.PredictRequest.FromString(frame[5:]).model == "toys"
    assert f"http://{toy_server.address}/ridgeline.v1.PricingService/Predict" in printed


def test_a_server_of_its_own_has_a_cpu_that_the_load_keeps_off(toy_models: Path) -> None:
    usable = os.sched_getaffinity(0)
    with server_of("", toy_models, apart=True) as (_, pid):
        assert pid is not None
        assert os.sched_getaffinity(pid) == {min(usable)}
        assert os.sched_getaffinity(0) == (usable - {min(usable)} or usable)
    assert os.sched_getaffinity(0) == usable
