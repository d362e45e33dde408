"""What a server says of itself: DescribeModel, pins, health and reflection."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.app import App
from support.servers import new_app, serving
from support.wire import DOORS, TIMEOUT, Wire, connect, record

SERVING, NOT_SERVING = 1, 2


@pytest.fixture(scope="module")
def wire(toy_server: App) -> Iterator[Wire]:
    with connect(toy_server.address) as wire:
        yield wire


@pytest.fixture(scope="module")
def stored(toy_models: Path) -> bytes:
    return (toy_models / "toys" / "1" / "manifest.json").read_bytes()


@pytest.fixture(scope="module")
def manifest(stored: bytes) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(stored)
    return manifest


def test_the_description_is_the_manifest(wire: Wire, stored: bytes, manifest: dict[str, Any]) -> None:
    got = wire.describe()
    digest = hashlib.sha256(stored).hexdigest()
    assert (got.model.name, got.model.version, got.model.digest) == ("toys", 1, digest)
    assert got.create_time.ToJsonString() == "2026-01-02T00:00:00Z"
    assert (got.target, got.currency_code, list(got.missing_tokens)) == ("price", "EUR", ["n/a"])
    assert got.schema_fingerprint == manifest["schema_fingerprint"]
    assert (got.interval.level, got.interval.half_width) == (0.9, manifest["interval"]["half_width"])
    assert (got.metrics.rmse, got.metrics.row_count) == (
        manifest["metrics"]["rmse"],
        manifest["metrics"]["row_count"],
    )
    assert list(got.served_versions) == [1]
    assert (got.limits.max_rows, got.limits.max_records, got.limits.max_message_bytes) == (
        10_000,
        1_000,
        16 << 20,
    )


def test_features_are_described_in_the_models_order(wire: Wire, manifest: dict[str, Any]) -> None:
    got = wire.describe().features
    assert [f.name for f in got] == ["ram", "brand", "screen", "port_code", "weight"]
    for feature, stored in zip(got, manifest["features"], strict=True):
        assert pb.FeatureKind.Name(feature.kind) == f"FEATURE_KIND_{stored['kind'].upper()}"
        assert feature.unit == stored["unit"]
        for bound in ("valid_min", "valid_max", "training_min", "training_max"):
            assert feature.HasField(bound) == (stored[bound] is not None)
            assert not feature.HasField(bound) or getattr(feature, bound) == stored[bound]
        assert [(c.value, c.share) for c in feature.categories] == [
            (c["value"], c["share"]) for c in stored["categories"]
        ]
    assert sorted(f.importance_rank for f in got) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("view", [pb.DESCRIBE_VIEW_UNSPECIFIED, pb.DESCRIBE_VIEW_BASIC])
def test_a_basic_description_hides_the_model(wire: Wire, view: pb.DescribeView) -> None:
    got = wire.describe(view=view)
    assert not got.HasField("linear_form")
    assert not got.reference_profile


def test_a_full_description_is_the_model(wire: Wire) -> None:
    got = wire.describe(view=pb.DESCRIBE_VIEW_FULL)
    assert [t.feature for t in got.linear_form.numeric_terms] == ["ram", "screen", "weight"]
    assert [t.feature for t in got.linear_form.categorical_terms] == ["brand", "port_code"]
    assert {"NA", "None", "nan", "007", "Acme", ""} == set(got.linear_form.categorical_terms[0].amounts)
    assert [p.feature for p in got.reference_profile] == ["ram", "screen", "weight"]
    assert all(len(p.deciles) == 9 and sorted(p.deciles) == list(p.deciles) for p in got.reference_profile)


@pytest.mark.parametrize("door", [*DOORS, "describe"])
def test_the_served_version_answers_to_all_its_names(wire: Wire, stored: bytes, door: str) -> None:
    names: list[dict[str, Any]] = [
        {},
        {"model": "toys"},
        {"choice": pb.ModelChoice()},
        {"choice": pb.ModelChoice(version=1)},
        {"model": "toys", "choice": pb.ModelChoice(digest=hashlib.sha256(stored).hexdigest())},
    ]
    answers = [wire.describe(**n) if door == "describe" else wire.ask(door, record(), **n) for n in names]
    assert len({a.model.SerializeToString() for a in answers}) == 1


def test_health_follows_the_life_of_the_server(toy_models: Path) -> None:
    app = new_app(toy_models)
    app.listen()
    with connect(app.address) as wire:
        states = wire.watch()
        assert next(states).status == NOT_SERVING
        assert [wire.check(s) for s in ("", "ridgeline.v1.PricingService")] == [NOT_SERVING] * 2
        app.load()
        assert next(states).status == SERVING
        assert [wire.check(s) for s in ("", "ridgeline.v1.PricingService")] == [SERVING] * 2
        assert wire.ask("predict", record()).currency_code == "EUR"
        app.stop()
        assert next(states).status == NOT_SERVING
        with pytest.raises(grpc.RpcError):
            next(states)


def test_health_does_not_know_other_services(wire: Wire) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        wire.check("somebody.else")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def listed_services(wire: Wire) -> set[str]:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(wire.channel)
    question = cast("Any", reflection_pb2).ServerReflectionRequest(list_services="")
    (answer,) = stub.ServerReflectionInfo(iter([question]), timeout=TIMEOUT)
    return {s.name for s in answer.list_services_response.service}


def test_reflection_is_served_only_when_asked_for(wire: Wire, toy_models: Path) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        listed_services(wire)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    with serving(toy_models, reflection=True) as app, connect(app.address) as open_wire:
        services = listed_services(open_wire)
    assert {"ridgeline.v1.PricingService", "grpc.health.v1.Health"} <= services
