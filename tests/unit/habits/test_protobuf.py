"""What the server's speed rests on, in the environment that runs it."""

from __future__ import annotations

import numpy as np
from google.protobuf.internal import api_implementation

from ridgeline.v1 import pricing_service_pb2 as pb


def test_messages_are_handled_in_c() -> None:
    assert api_implementation.Type() == "upb"


def test_packed_fields_become_arrays_at_once() -> None:
    """Without `__array__` NumPy reads value by value, about 50 times slower, and says nothing."""
    values = pb.DoubleMatrix(values=[1.5, float("nan")]).values
    codes = pb.CategoricalColumn(codes=[2, 0]).codes
    assert hasattr(values, "__array__")
    assert np.array_equal(np.asarray(values), [1.5, np.nan], equal_nan=True)
    assert np.asarray(codes).dtype == np.int32
