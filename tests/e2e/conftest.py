"""A server in its own process, as it is deployed, and the market it prices."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import grpc
import numpy as np
import pandas as pd
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline.v1.pricing_service_pb2_grpc import PricingServiceStub
from ridgeline_client import PricingClient
from ridgeline_export.export import export_model
from support import doors
from support import techmart as market
from support.rows import Row, is_number
from support.servers import serving
from support.techmart import TechMart

READY = "serving on "
REQUIRED = ("weight", "memory", "average_rating", "brand", "sales_channel")


@pytest.fixture(scope="session")
def notebook(techmart: Path) -> TechMart:
    """Both files and the notebook's model."""
    return market.read(techmart)


@pytest.fixture(scope="session")
def address(techmart_models: Path) -> Iterator[str]:
    """HOST:PORT of a server process with the TechMart model."""
    command = [sys.executable, "-m", "ridgeline_server", "serve", "--models", str(techmart_models)]
    command += ["--address", "127.0.0.1:0", "--ops-address", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if READY in line:
                break
        else:
            pytest.fail("the server did not start:\n" + "".join(lines))
        yield line.split(READY)[1].split()[0]
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="session")
def stub(address: str) -> Iterator[PricingServiceStub]:
    """The generated stub of that server."""
    with grpc.insecure_channel(address) as channel:
        yield PricingServiceStub(channel)


@pytest.fixture(scope="session")
def client(address: str) -> Iterator[PricingClient]:
    """The client library, connected to that server."""
    with PricingClient(address, timeout=30) as connected:
        yield connected


@pytest.fixture(scope="session")
def strict_stub(techmart: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PricingServiceStub]:
    """The stub of a server whose TechMart model requires a few features."""
    directory = tmp_path_factory.mktemp("strict")
    schema = (techmart / "schema.toml").read_text(encoding="utf-8")
    for name in REQUIRED:
        head = f'name = "{name}"\n'
        assert schema.count(head) == 1
        schema = schema.replace(head, f"{head}required = true\n")
    (directory / "schema.toml").write_text(schema, encoding="utf-8")
    table = pd.read_csv(techmart / "training.csv", dtype=str, keep_default_na=False)
    table = table[(table[list(REQUIRED)] != "").all(axis="columns")]
    table.to_csv(directory / "training.csv", index=False)
    created = datetime(2026, 6, 1, tzinfo=UTC)
    export_model(directory / "training.csv", directory / "schema.toml", directory / "models", created=created)
    with serving(directory / "models") as app, grpc.insecure_channel(app.address) as channel:
        yield PricingServiceStub(channel)


@pytest.fixture(scope="session")
def features(strict_stub: PricingServiceStub) -> Sequence[pb.Feature]:
    described: pb.DescribeModelResponse = strict_stub.DescribeModel(pb.DescribeModelRequest(), timeout=30)
    assert {feature.name for feature in described.features if feature.required} == set(REQUIRED)
    return described.features


@pytest.fixture(scope="session")
def good_rows(notebook: TechMart, features: Sequence[pb.Feature]) -> list[Row]:
    """2,000 good rows; one in five has numbers exactly on a valid bound."""
    frame = notebook.training.dropna(subset=list(REQUIRED)).sample(2_000, random_state=5)
    rng = np.random.default_rng(6)
    rows = []
    for record in doors.records(frame, notebook.numeric, notebook.categorical):
        row = Row(dict(record.numeric), dict(record.categorical))
        if rng.random() < 0.2:
            for feature in rng.choice(np.array(features, dtype=object), 8):
                if is_number(feature):
                    row.numeric[feature.name] = rng.choice([feature.valid_min, feature.valid_max])
        rows.append(row)
    return rows
