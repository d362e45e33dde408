"""Checks that the Node example gets exactly what the Python client gets: prices, notices and refusals.

Usage: python examples/node/check.py (make node-check). TARGET=HOST:PORT names a running server; without it
one is started here on a free port with the models in MODELS (models/ if unset).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
from google.protobuf import json_format
from grpc_health.v1 import health_pb2

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import InvalidInput, ModelDescription, PricingClient, answers

HERE = Path(__file__).parent
START_TIMEOUT = 60.0  # seconds
Record = Mapping[str, float | str]


@contextmanager
def started_server(models: str) -> Iterator[str]:
    """Run a server until the block ends; yields its HOST:PORT once it says SERVING."""
    address, ops_address = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    command = [str(Path(sys.executable).with_name("ridgeline-server")), "serve"]
    command += ["--models", models, "--address", address, "--ops-address", ops_address]
    process = subprocess.Popen(command)
    try:
        wait_until_serving(address)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def free_port() -> int:
    """Return a port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_serving(address: str) -> None:
    """Follow the health service until it says SERVING; grpc.RpcError after START_TIMEOUT."""
    with grpc.insecure_channel(address) as channel:
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        request = health_pb2.HealthCheckRequest()
        for answer in watch(request, timeout=START_TIMEOUT, wait_for_ready=True):
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return


def node(target: str, method: str, request: object) -> tuple[int, str, str]:
    """Run the example; returns its exit code, stdout and stderr."""
    done = subprocess.run(
        ["node", str(HERE / "client.mjs"), method, json.dumps(request)],
        env={**os.environ, "TARGET": target},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def records_of(model: ModelDescription) -> list[Record]:
    """One plain product, one with a missing feature, an unseen category and a value outside training."""
    numeric = [feature for feature in model.features if feature.kind == "numeric"]
    categorical = [feature for feature in model.features if feature.kind == "categorical"]
    plain: dict[str, float | str] = {
        feature.name: ((feature.training_min or 0.0) + (feature.training_max or 0.0)) / 2
        for feature in numeric
    }
    plain |= {feature.name: feature.categories[0].value for feature in categorical}
    noticed = dict(plain)
    optional = [feature for feature in numeric if not feature.required]
    del noticed[optional[0].name]
    for feature in optional[1:]:
        if feature.valid_max is not None and feature.valid_max > (feature.training_max or 0.0):
            noticed[feature.name] = feature.valid_max
            break
    noticed |= {feature.name: "a category no training ever saw" for feature in categorical[:1]}
    return [plain, noticed]


def as_message(record: Record) -> dict[str, dict[str, float | str]]:
    """Return the JSON form of a Record message."""
    return {
        "numeric": {name: value for name, value in record.items() if not isinstance(value, str)},
        "categorical": {name: value for name, value in record.items() if isinstance(value, str)},
    }


def check_predict(client: PricingClient, record: Record) -> None:
    """The same record, one at a time, by both clients."""
    code, out, err = node(client.target, "Predict", {"record": as_message(record)})
    assert code == 0, err
    by_node = answers.prediction(json_format.Parse(out, pb.PredictResponse()))
    ours = client.predict(record)
    # repr: exact for doubles, and NaN equals NaN.
    assert repr(replace(by_node, prediction_set_id="")) == repr(replace(ours, prediction_set_id=""))
    print(
        f"Predict: {ours.price} {ours.currency}, {len(ours.notices)} notices, the same from Node and Python"
    )


def check_batch(client: PricingClient, records: list[Record]) -> None:
    """The same records as rows from Node and as columns from Python."""
    request = {"rows": {"records": [as_message(record) for record in records]}}
    code, out, err = node(client.target, "PredictBatch", request)
    assert code == 0, err
    by_node = json_format.Parse(out, pb.PredictBatchResponse()).predictions
    names = list(dict.fromkeys(name for record in records for name in record))
    ours = client.predict_batch({name: [record.get(name) for record in records] for name in names})
    for name, column in ours.columns().items():
        np.testing.assert_array_equal(np.array(getattr(by_node, name)), column, err_msg=name)
    counts = [(int(count.kind), count.feature, count.count) for count in by_node.notice_counts]
    assert counts == [(int(count.kind), count.feature, count.count) for count in ours.notice_counts]
    print(f"PredictBatch: {len(ours)} rows, {len(counts)} notice counts, the same from Node and Python")


def check_refusal(client: PricingClient, record: Record) -> None:
    """An unknown feature is refused in the same words, read from the rich error details."""
    wrong = {**record, "no_such_feature": 1.0}
    code, _, err = node(client.target, "Predict", {"record": as_message(wrong)})
    assert code == 1, f"expected exit code 1, got {code}"
    details = {detail["@type"].rsplit(".", 1)[-1]: detail for detail in json.loads(err)["details"]}
    by_node = [(v["field"], v["reason"]) for v in details["BadRequest"]["field_violations"]]
    try:
        client.predict(wrong)
    except InvalidInput as error:
        assert by_node == [(violation.field, violation.reason) for violation in error.violations]
        print(f"Refusal: {by_node}, the same from Node and Python")
    else:
        raise AssertionError("the Python client's request was not refused")


WRONG_REQUESTS: dict[str, object] = {
    "recrd: no such field": {"recrd": {}},
    "record: expected an object, got 5": {"record": 5},
    'record.numeric["weight"]: expected a number, got "abc"': {"record": {"numeric": {"weight": "abc"}}},
    'record.numeric["weight"]: expected a number, got null': {"record": {"numeric": {"weight": None}}},
    'record.categorical["brand"]: expected text, got 7': {"record": {"categorical": {"brand": 7}}},
    "choice.version: expected a whole number, got 1.5": {"choice": {"version": 1.5}},
    "explain: expected true or false": {"explain": "yes"},
    "options.unknown_features: expected one of": {"options": {"unknown_features": "IGNORE"}},
    "the request: expected an object, got []": [],
}
"""What the example says, by the request that makes it say so."""


def check_wrong_requests(target: str) -> None:
    """What is no request is refused with exit code 2 before it is sent."""
    for message, request in WRONG_REQUESTS.items():
        code, out, err = node(target, "Predict", request)
        assert (code, out) == (2, ""), (request, code, out)
        assert message in err, (request, err)
    print(f"Wrong use: {len(WRONG_REQUESTS)} requests refused before they were sent")


def main() -> None:
    """Check against TARGET, or against a server started for the purpose."""
    target = os.environ.get("TARGET")
    server = nullcontext(target) if target else started_server(os.environ.get("MODELS", "models"))
    with server as address, PricingClient(address, timeout=10.0) as client:
        records = records_of(client.describe())
        for record in records:
            check_predict(client, record)
        check_batch(client, records)
        check_refusal(client, records[0])
        check_wrong_requests(client.target)
    print("node-check passed")


if __name__ == "__main__":
    main()
