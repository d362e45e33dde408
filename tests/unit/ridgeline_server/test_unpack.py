"""Requests to columns, where a caller's bytes are odd."""

from __future__ import annotations

import numpy as np
import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.domain import PredictOptions
from ridgeline_server.engine.notices import notice_counts
from ridgeline_server.engine.predictor import predict
from ridgeline_server.errors import InvalidInput
from ridgeline_server.transport import unpack
from support.manifests import batch, version

SIGNALLING_NAN = np.array([0x7FA00000], dtype="<u4")


def test_a_signalling_nan_is_missing_and_no_warning() -> None:
    values = pb.FloatMatrix.FromString(b"\x0a\x04" + SIGNALLING_NAN.tobytes())
    message = pb.RecordBatch(row_count=1, numeric=pb.NumericColumns(names=["ram"], float_values=values))
    read = unpack.columns(message, 4)
    assert read.single_precision
    assert np.isnan(read.numeric).tolist() == [[True]]


def test_a_record_of_another_table_is_blamed_as_a_whole() -> None:
    """Of many records no path leads to one of their maps."""
    stranger = pb.Record(numeric={f"column {i}": 1.0 for i in range(1_200)})
    with pytest.raises(InvalidInput, match="at least 1198 names") as caught:
        unpack.records([pb.Record(), stranger], version().schema)
    assert [violation.field for violation in caught.value.violations] == [""]


def test_a_name_that_was_ignored_in_no_row_is_not_counted() -> None:
    nothing = batch(0, {"ram": [], "colour": []}, brand=[])
    answer = predict(version(), nothing, PredictOptions(ignore_unknown_features=True))
    assert notice_counts(version(), answer) == []
