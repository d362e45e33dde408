"""What can go wrong with columns, beside their cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import grpc
import numpy as np
import pytest

from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline.v1.pricing_service_pb2_grpc import PricingServiceStub
from ridgeline_client import InvalidInput
from ridgeline_client.status import error_of
from support.rows import Row, columns, is_number


def test_what_no_row_can_be_blamed_for_fails_the_call_and_names_every_column(
    strict_stub: PricingServiceStub, good_rows: list[Row], features: Sequence[pb.Feature]
) -> None:
    batch = columns(good_rows[:3], [f for f in features if f.name not in ("weight", "brand")])
    batch.numeric.names.extend(["memory", "brand", "Weight"])
    batch.numeric.double_values.values[:] = [1.0] * 3 * len(batch.numeric.names)
    batch.categorical.add(name="weight", dictionary=["light"], codes=[1, 1, 1])
    batch.categorical.add(name="Colour", dictionary=["red"], codes=[1, 1, 1])
    with pytest.raises(grpc.RpcError) as raised:
        strict_stub.PredictBatch(pb.PredictBatchRequest(columns=batch), timeout=30)
    error = error_of(raised.value, "", 30)
    assert isinstance(error, InvalidInput)
    assert Counter((_column_at(v.field, batch), v.reason) for v in error.violations) == Counter(
        [
            ("memory", Reason.DUPLICATE_FEATURE),
            ("brand", Reason.WRONG_KIND),
            ("weight", Reason.WRONG_KIND),
            ("Weight", Reason.UNKNOWN_FEATURE),
            ("Colour", Reason.UNKNOWN_FEATURE),
        ]
    )


def _column_at(path: str, batch: pb.RecordBatch) -> str:
    """The name that stands at a path of the request."""
    if place := re.fullmatch(r"columns\.numeric\.names\[(\d+)\]", path):
        return batch.numeric.names[int(place[1])]
    place = re.fullmatch(r"columns\.categorical\[(\d+)\]\.name", path)
    assert place, f"{path} is no path to a column's name"
    return batch.categorical[int(place[1])].name


def test_a_required_column_that_is_not_sent_is_missing_in_every_row(
    strict_stub: PricingServiceStub, good_rows: list[Row], features: Sequence[pb.Feature]
) -> None:
    sent = [feature for feature in features if feature.name not in ("weight", "brand")]
    request = pb.PredictBatchRequest(columns=columns(good_rows[:4], sent))
    batch = strict_stub.PredictBatch(request, timeout=30).predictions
    found = Counter((error.row, error.feature, error.reason) for error in batch.row_errors)
    missing = Reason.REQUIRED_FEATURE_MISSING
    assert found == Counter((row, name, missing) for row in range(4) for name in ("weight", "brand"))


def test_bounds_are_compared_in_the_precision_that_was_sent(
    strict_stub: PricingServiceStub, good_rows: list[Row], features: Sequence[pb.Feature]
) -> None:
    """A bound such as 0.01 is no float: the float nearest to it is inside, the next one is outside."""
    good = good_rows[0]
    bounds = [(f.name, b, end) for f in features for b, end in _ends(f)]
    assert any(float(np.float32(bound)) != bound for _, bound, _ in bounds)
    rows = [
        Row({**good.numeric, name: value}, good.categorical)
        for name, bound, end in bounds
        for value in (float(np.float32(bound)), float(np.nextafter(np.float32(bound), np.float32(end))))
    ]
    outside = [(2 * i + 1, name, Reason.OUT_OF_VALID_RANGE) for i, (name, _, _) in enumerate(bounds)]
    batch = columns(rows, features)
    values = list(batch.numeric.double_values.values)
    batch.numeric.float_values.values.extend(values)
    answer = strict_stub.PredictBatch(pb.PredictBatchRequest(columns=batch), timeout=30).predictions
    assert [(e.row, e.feature, e.reason) for e in answer.row_errors] == outside


def _ends(feature: pb.Feature) -> list[tuple[float, float]]:
    """The valid bounds of a feature, each with the direction that leads outside."""
    if not is_number(feature):
        return []
    return [(feature.valid_min, -np.inf), (feature.valid_max, np.inf)]
