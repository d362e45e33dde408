"""The `ridgeline` command against a real gRPC server with a scripted service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from typer.testing import CliRunner, Result

from ridgeline import __version__
from ridgeline_client.cli.app import app
from support.stub_server import Failure, StubServer, running_stub

Run = Callable[..., Result]


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with running_stub() as running:
        yield running


@pytest.fixture
def run(stub: StubServer) -> Run:
    def running(*arguments: str, **options: Any) -> Result:
        environment = {"RIDGELINE_TARGET": stub.address, "COLUMNS": "200", "NO_COLOR": "1"}
        return CliRunner(env=environment).invoke(app, list(arguments), **options)

    return running


def test_a_price_comes_with_interval_notices_and_version(run: Run) -> None:
    done = run("predict", "screen_size=6.5", "brand=007")
    assert done.exit_code == 0, done.output
    for part in ("106.50 USD", "90% interval", "93.00 USD to 120.00 USD", "IMPUTED", "[ram]", "version 3"):
        assert part in done.stdout


def test_json_is_the_whole_answer_with_null_for_nan(run: Run) -> None:
    done = run("predict", "ram=1000", "--record-id", "p-1", "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert (answer["price"], answer["lower"], answer["upper"]) == (1100.0, None, None)
    assert (answer["record_id"], answer["model"]["version"], answer["currency"]) == ("p-1", 3, "USD")
    assert answer["notices"][0]["kind"] == "IMPUTED"


def test_a_price_without_an_interval_says_why(run: Run) -> None:
    assert "none: the price is not the model's own" in run("predict", "ram=1000").stdout


def test_demo_makes_up_a_product_and_says_so(run: Run, stub: StubServer) -> None:
    done = run("predict", "--demo", "ram=10")
    assert done.exit_code == 0, done.output
    assert "A made-up product" in done.stdout
    assert "but ram as given" in done.stdout
    (request,) = stub.servicer.requests["Predict"]
    assert dict(request.record.numeric) == {"screen_size": 6.0, "ram": 10.0}
    assert dict(request.record.categorical) == {"brand": "Auralite", "shelf": "7"}
    shown = json.loads(run("predict", "--demo", "--json").stdout)
    assert shown["demo_record"] == {"screen_size": 6.0, "brand": "Auralite", "shelf": "7"}


def test_explanations_are_sorted_by_size_and_add_up(run: Run) -> None:
    lines = run("predict", "ram=8", "screen_size=-30", "--explain").stdout.splitlines()
    table = lines[lines.index(next(line for line in lines if line.startswith("average product"))) :]
    assert [(*line.rsplit(maxsplit=1),) for line in table if line.strip()] == [
        ("average product", "100.00"),
        ("screen_size", "-30.00"),
        ("ram", "+8.00"),
        ("model price", "78.00"),
    ]


def test_json_records_and_pairs_are_put_together(run: Run, stub: StubServer) -> None:
    done = run("predict", "--json-record", "-", "ram=2", input='{"ram": 1, "weight": 3, "shelf": 7}')
    assert done.exit_code == 0, done.output
    (request,) = stub.servicer.requests["Predict"]
    assert dict(request.record.numeric) == {"ram": 2.0, "weight": 3.0}
    assert dict(request.record.categorical) == {"shelf": "7"}


def test_the_version_and_unknown_features_are_passed_on(run: Run, stub: StubServer) -> None:
    done = run(
        "predict", "ram=1", "--model", "m", "--digest", "ab", "--unknown-features", "ignore_and_report"
    )
    assert done.exit_code == 0, done.output
    (request,) = stub.servicer.requests["Predict"]
    assert (request.model, request.choice.digest, request.options.unknown_features) == ("m", "ab", 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no product given"),
        (["ram"], "not of the form FEATURE=VALUE"),
        (["ram=much"], "expected a number, got 'much'"),
        (["--json-record", "{oops"], "not JSON"),
        (["ram=1", "--version", "1", "--label", "x"], "not by version and label"),
        (["ram=1", "--target", "localhost"], "expected HOST:PORT"),
        (["ram=1", "--timeout", "0"], "seconds above 0"),
        (["ram=1", "--record-id", "\udcff"], "no valid Unicode"),
        (["ram=1", "--model", "\udcff"], "model is no valid Unicode text"),
        (["b\udcff=1"], r"the feature's name 'b\udcff' is no valid Unicode text"),
        (["ram=1", "--version", "9" * 20], "Invalid value for '--version'"),
        (["ram=1", "--target", "localhost:²"], "expected HOST:PORT"),
        (["ram=1", "--target", "dns:"], "names no server"),
        (["ram=1", "--timeout", "1e20"], "at most 86400"),
        (["--json-record", "[1]"], "one JSON object, got list"),
        (["--json-record", '{"ram": ' + "9" * 5_000 + "}"], "5,000 digits"),
        (["ram=\udcff"], "expected a number"),
        (["brand=\udcff"], "brand"),
    ],
)
def test_wrong_input_is_said_without_a_traceback(run: Run, arguments: list[str], message: str) -> None:
    done = run("predict", *arguments)
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert "Traceback" not in done.output
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("code", "reason", "exit_code"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_INPUT", 2),
        (grpc.StatusCode.NOT_FOUND, "UNKNOWN_VERSION", 2),
        (grpc.StatusCode.FAILED_PRECONDITION, "PRICE_REJECTED", 3),
        (grpc.StatusCode.FAILED_PRECONDITION, "DIGEST_NOT_SERVED", 3),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", 4),
        (grpc.StatusCode.INTERNAL, "INTERNAL", 1),
        (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED", 1),
    ],
)
def test_failures_have_their_exit_codes(
    run: Run, stub: StubServer, code: grpc.StatusCode, reason: str, exit_code: int
) -> None:
    info = error_details_pb2.ErrorInfo(reason=reason, domain="ridgeline")
    for _ in range(2):
        stub.servicer.fail("Predict", Failure(code, "said so", [info]))
    done = run("predict", "ram=1")
    assert done.exit_code == exit_code
    assert "said so" in done.stderr
    for_machines = run("predict", "ram=1", "--json")
    assert for_machines.exit_code == exit_code
    assert json.loads(for_machines.stderr)["error"]["reason"] == reason


def test_a_terminal_that_knows_only_ascii_gets_no_traceback(stub: StubServer) -> None:
    command = [sys.executable, "-m", "ridgeline_client", "predict", "--target", stub.address]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "200"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments], env=environment, capture_output=True, text=True, check=False
        )

    people = run("ram=1", "--record-id", "é")
    assert people.returncode == 0, people.stderr
    assert r"\xe9" in people.stdout
    assert json.loads(run("ram=1", "--record-id", "é", "--json").stdout)["record_id"] == "é"
    refused = run("ram=é", "--json")
    assert refused.returncode == 2
    assert "'é'" in json.loads(refused.stderr)["error"]["message"]


def test_no_server_is_exit_code_4(run: Run) -> None:
    done = run("health", "--target", "127.0.0.1:1")
    assert done.exit_code == 4
    assert "127.0.0.1:1 is unavailable" in done.stderr


def test_describe_for_people_and_machines(run: Run) -> None:
    people = run("describe")
    assert people.exit_code == 0, people.output
    for part in (
        "techmart version 3",
        "10 to 500 USD, outside: clamp",
        "screen_size",
        "4..8",
        "Auralite, 007",
    ):
        assert part in people.stdout
    assert "Linear form" not in people.stdout
    assert "+20.0000 * (x - 8) / 4" in run("describe", "--full").stdout
    machines = json.loads(run("describe", "--full", "--json").stdout)
    assert machines["linear_form"]["base"] == 100.0
    assert machines["features"][1]["valid_min"] == 0.0
    assert machines["created"] == "2026-01-02T03:04:05+00:00"


@pytest.mark.parametrize(
    ("service", "status", "exit_code"),
    [("", "SERVING", 0), ("ridgeline.draining", "NOT_SERVING", 4), ("nobody", "SERVICE_UNKNOWN", 2)],
)
def test_health_says_and_exits(run: Run, service: str, status: str, exit_code: int) -> None:
    done = run("health", "--service", service)
    assert (done.exit_code, done.stdout.split()[-1]) == (exit_code, status)
    machines = run("health", "--service", service, "--json")
    assert (machines.exit_code, json.loads(machines.stdout)["status"]) == (exit_code, status)


def test_help_lists_the_exit_codes_and_version_is_told(run: Run) -> None:
    for command in ("predict", "describe", "health"):
        assert "Exit codes: 0 done" in run(command, "--help").stdout
    assert run("--version").stdout == f"ridgeline {__version__}\n"
