"""The three guard policies over the wire: an insane price never leaves as if it were sane."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from support import toys
from support.formula import bit, kinds
from support.servers import serving
from support.status import refused
from support.wire import Wire, batch_request, connect, record

SANE, LOW, HIGH = record(), record(screen=-60.0), record(ram=500.0)
SPARSE = pb.Record(categorical={"brand": "NA"})
OUTSIDE = bit(pb.NOTICE_KIND_OUT_OF_TRAINING_RANGE)


class Served:
    def __init__(self, policy: str, wire: Wire, manifest: dict[str, Any]) -> None:
        self.policy, self.wire, self.manifest = policy, wire, manifest

    def batch(self, form: str, *records: pb.Record) -> pb.PredictionBatch:
        return self.wire.predict_batch(batch_request(form, records)).predictions

    def safe_default(self, brand: str) -> float:
        (table,) = self.manifest["fallback"]["tables"]
        return float(table["prices"][brand])


@pytest.fixture(scope="module", params=["clamp", "reject", "fallback"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    models = toys.export(tmp_path_factory.mktemp(request.param), policy=request.param)
    manifest = json.loads((models / "toys" / "1" / "manifest.json").read_text())
    with serving(models) as app, connect(app.address) as wire:
        yield Served(request.param, wire, manifest)


def test_the_policy_is_described(served: Served) -> None:
    guard = served.wire.describe().guard
    assert pb.GuardPolicy.Name(guard.policy) == f"GUARD_POLICY_{served.policy.upper()}"
    assert (guard.min_price, guard.max_price, guard.max_missing_share) == (50.0, 150.0, 0.7)


def test_a_sane_price_passes_every_policy_untouched(served: Served) -> None:
    got = served.wire.ask("predict", SANE).prediction
    assert (got.price, got.flags) == (got.model_price, 0)


@pytest.mark.parametrize("form", ["rows", "columns"])
def test_an_insane_price_in_a_batch_meets_the_policy(served: Served, form: str) -> None:
    got = served.batch(form, LOW, SANE, HIGH)
    low, sane, high = got.price
    assert got.model_price[0] < 50.0 < sane < 150.0 < got.model_price[2]
    assert list(got.flags)[1] == 0
    ends = [kinds(got.flags[i] & ~OUTSIDE) for i in (0, 2)]
    if served.policy == "clamp":
        assert (low, high) == (50.0, 150.0)
        assert ends == [{pb.NOTICE_KIND_CLAMPED_LOW}, {pb.NOTICE_KIND_CLAMPED_HIGH}]
    elif served.policy == "reject":
        assert math.isnan(low)
        assert math.isnan(high)
        assert ends == [{pb.NOTICE_KIND_REJECTED}] * 2
    else:
        assert low == high == served.safe_default("Acme")
        assert ends == [{pb.NOTICE_KIND_FALLBACK}] * 2
    assert [math.isnan(v) for v in got.lower] == [math.isnan(v) for v in got.upper] == [True, False, True]
    assert (got.row_error_count, got.error_row_count) == (0, 0)


@pytest.mark.parametrize("insane", [LOW, HIGH], ids=["low", "high"])
def test_predict_meets_the_policy_as_a_batch_does(served: Served, insane: pb.Record) -> None:
    expected = served.batch("rows", insane)
    if served.policy != "reject":
        got = served.wire.ask("predict", insane).prediction
        assert ([got.price], [got.flags]) == (list(expected.price), list(expected.flags))
        assert [got.model_price] == list(expected.model_price)
        return
    refusal = refused(lambda: served.wire.ask("predict", insane))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PRICE_REJECTED")
    assert float(refusal.info.metadata["model_price"]) == expected.model_price[0]
    assert "50" in refusal.message
    assert "150" in refusal.message


def test_with_too_many_features_missing_every_policy_gives_the_safe_default(served: Served) -> None:
    got = served.wire.ask("predict", SPARSE).prediction
    assert got.price == served.safe_default("NA")
    assert kinds(got.flags) == {pb.NOTICE_KIND_FALLBACK, pb.NOTICE_KIND_IMPUTED}
    assert math.isnan(got.lower)
    (why,) = [n.message for n in got.notices if n.kind == pb.NOTICE_KIND_FALLBACK]
    assert "4 of 5" in why
    nobody = served.wire.ask("predict", pb.Record(numeric={"ram": 8.0})).prediction
    assert nobody.price == served.manifest["fallback"]["overall"]
