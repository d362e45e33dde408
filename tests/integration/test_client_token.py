"""The client, the command and the load tests against a server that asks who calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import callers
import openloop
from harness.load import Load
from harness.options import LoadOptions
from harness.tally import Recorder
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import PricingClient
from ridgeline_client.cli.app import app as command
from ridgeline_client.errors import AccessDenied
from ridgeline_server.access.roles import Role
from ridgeline_server.app import App
from support.commands import Capture, told
from support.servers import serving
from support.tokens import Tokens
from support.wire import FEATURES, TIMEOUT

PAIRS = [f"{name}={value}" for name, value in FEATURES.items()]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    tokens = Tokens(tmp_path_factory.mktemp("access") / "tokens.json")
    tokens.enter("shop", Role.PREDICT)
    tokens.enter("pages", Role.AUDIT)
    return tokens


@pytest.fixture(scope="module")
def guarded(toy_models: Path, tokens: Tokens) -> Iterator[App]:
    """A server that asks who calls."""
    with serving(toy_models, tokens=str(tokens.path)) as app:
        yield app


@pytest.fixture
def token_file(tmp_path: Path, tokens: Tokens) -> str:
    """A file with the token of a caller who may ask for prices."""
    file = tmp_path / "token"
    file.write_text(f"{tokens.of['shop']}\n")
    return str(file)


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", **environment}).invoke(command, list(arguments))


def test_every_call_of_a_client_carries_its_token(guarded: App, tokens: Tokens) -> None:
    with PricingClient(guarded.address, timeout=TIMEOUT, token=tokens.of["shop"]) as client:
        columns = {name: [value] for name, value in FEATURES.items()}
        assert client.describe().model.name == "toys"
        assert client.predict(FEATURES).currency == "EUR"
        assert len(client.predict_batch(columns)) == 1
        assert [chunk.error for chunk in client.predict_stream([columns])] == [None]
        assert client.health() == "SERVING"


def test_a_client_says_why_it_is_refused(guarded: App, tokens: Tokens) -> None:
    with PricingClient(guarded.address, timeout=TIMEOUT) as client:
        with pytest.raises(AccessDenied, match="no credential") as caught:
            client.describe()
    assert caught.value.reason == "UNAUTHENTICATED"
    with PricingClient(guarded.address, timeout=TIMEOUT, token=tokens.of["pages"]) as client:
        with pytest.raises(AccessDenied, match="caller pages has the role audit") as caught:
            client.predict(FEATURES)
        with pytest.raises(AccessDenied, match="Predict"):
            list(client.predict_stream([{name: [value] for name, value in FEATURES.items()}]))
    assert caught.value.reason == "PERMISSION_DENIED"
    assert tokens.of["pages"] not in f"{caught.value!r} {vars(caught.value)}"


def test_the_command_takes_a_file_or_the_environment(guarded: App, tokens: Tokens, token_file: str) -> None:
    target = ("--target", guarded.address, "--timeout", "60")
    assert run("predict", *PAIRS, *target, "--token-file", token_file).exit_code == 0
    assert run("predict", *PAIRS, *target, RIDGELINE_TOKEN_FILE=token_file).exit_code == 0
    assert run("describe", *target, RIDGELINE_TOKEN=tokens.of["shop"]).exit_code == 0
    assert run("health", *target).exit_code == 0
    refused = run("predict", *PAIRS, *target)
    assert (refused.exit_code, "no credential" in refused.stderr) == (1, True)
    refused = run("predict", *PAIRS, *target, RIDGELINE_TOKEN=tokens.of["pages"])
    assert (refused.exit_code, "needs predict" in refused.stderr) == (1, True)
    assert tokens.of["pages"] not in refused.output


def test_the_command_keeps_a_token_from_the_wire_and_says_how_to_send_it(tokens: Tokens) -> None:
    target = ("--target", "203.0.113.1:1", "--timeout", "0.1")
    refused = run("health", *target, RIDGELINE_TOKEN=tokens.of["shop"])
    assert (refused.exit_code, "--plaintext-token" in refused.stderr) == (2, True)
    assert tokens.of["shop"] not in refused.output


def test_a_table_is_scored_with_a_token(guarded: App, tmp_path: Path, token_file: str) -> None:
    table, prices = tmp_path / "in.csv", tmp_path / "out.csv"
    table.write_text(",".join(FEATURES) + "\n" + ",".join(map(str, FEATURES.values())) + "\n")
    score = ("score", str(table), str(prices), "--target", guarded.address)
    assert run(*score).exit_code == 1
    done = run(*score, "--token-file", token_file)
    assert done.exit_code == 0, done.output
    assert len(prices.read_text().splitlines()) == 2


@pytest.mark.parametrize("name", ["predict", "score", "describe", "health"])
def test_a_token_cannot_be_given_where_every_process_list_shows_it(name: str, tokens: Tokens) -> None:
    refused = run(name, "--token", tokens.of["shop"])
    assert (refused.exit_code, "No such option" in refused.stderr) == (2, True)


def test_load_tests_take_a_token(
    guarded: App, tokens: Tokens, token_file: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "WARMUP_S", 0.1)
    flags = ("--target", guarded.address, "--seconds", "0.2", "--json")
    sweep = (*flags, "--most", "1")
    assert told(capsys, callers.main, *sweep)[0] == 1
    assert told(capsys, callers.main, *sweep, "--token-file", token_file)[0] == 0
    monkeypatch.setenv("RIDGELINE_TOKEN", tokens.of["shop"])
    code, printed = told(capsys, openloop.main, *flags, "--rate", "20", "--warmup", "0")
    assert code == 0, printed
    assert json.loads(printed)
    assert tokens.of["shop"] not in printed


def test_closed_loop_users_take_a_token(guarded: App, token_file: str) -> None:
    options = LoadOptions(
        token_file=token_file, distinct_records=1, distinct_messages=1, chunk_rows=1, batch_rows=1
    )
    load = Load(guarded.address, options, Recorder())
    try:
        load.make_requests()
        answer = load.call("Predict")(next(load.singles()).data, timeout=TIMEOUT)
        streamed = list(load.call("PredictStream", stream=True)(iter([load.opening]), timeout=TIMEOUT))
    finally:
        load.close()
    assert pb.PredictResponse.FromString(answer).currency_code == "EUR"
    assert len(streamed) == 1
    with pytest.raises(AccessDenied):
        Load(guarded.address, LoadOptions(), Recorder())
