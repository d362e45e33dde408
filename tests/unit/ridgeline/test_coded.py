"""Categories as a dictionary and codes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ridgeline.coded import CodedCategories

TEXTS = ["NA", "007", "Acme"]


@given(codes=st.lists(st.integers(0, 3), max_size=8), data=st.data())
def test_some_rows_are_those_values_and_no_other_texts(codes: list[int], data: st.DataObject) -> None:
    column = CodedCategories(TEXTS, np.array(codes, dtype=np.int32))
    places = st.lists(st.integers(0, len(codes) - 1), max_size=8) if codes else st.just([])
    rows = np.array(data.draw(places), dtype=np.int64)
    part = column[rows]
    assert part.values().tolist() == column.values()[rows].tolist()
    assert set(part.texts) == set(part.values()) - {""}
    assert len(part) == len(rows)
    assert part.codes.dtype == np.int32


def test_code_0_is_missing() -> None:
    assert CodedCategories(TEXTS, np.array([0, 3, 1], dtype=np.int32)).values().tolist() == ["", "Acme", "NA"]
