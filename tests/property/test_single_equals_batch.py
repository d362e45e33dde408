"""The short way says what the long way says, bit for bit; the refused and the guarded go the long way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ridgeline.artifact import Guard
from ridgeline_server.domain import CategoricalColumn, PredictionBatch, PredictOptions, RecordBatch
from ridgeline_server.engine.artifact import Version
from ridgeline_server.engine.notices import row_notices, unseen_notices
from ridgeline_server.engine.predictor import explain, predict
from ridgeline_server.engine.tally import tally, tally_plain
from support.manifests import manifest, version

VERSIONS = {
    "as it is": version(),
    "a number means missing": version(manifest(missing_tokens=("n/a", "16"))),
    "nothing may be missing": version(manifest(guard=Guard(policy="reject", max_missing_share=0.0))),
    "all may be missing": version(manifest(guard=Guard(policy="clamp", max_missing_share=1.0))),
}

numbers = st.one_of(
    st.sampled_from([math.nan, 8.0, 16.0, 2.0, 64.0, 5.1, 17.3, math.inf, -math.inf, 0.5, 129.0, 1e300]),
    st.floats(2, 17),
    st.floats(),
)
texts = st.sampled_from(["Acme", "NA", "phone", "", "n/a", "who", "7.0"])


def long_way(of: Version, row: list[float], brand: str, category: str) -> PredictionBatch:
    columns = [
        CategoricalColumn(name, [text] if text else [], np.array([1 if text else 0], dtype=np.int32))
        for name, text in (("brand", brand), ("category", category))
    ]
    return predict(of, RecordBatch(1, ["ram", "screen"], np.array([row]), columns), PredictOptions())


@settings(max_examples=400)
@given(st.sampled_from(sorted(VERSIONS)), st.tuples(numbers, numbers), texts, texts)
def test_both_ways_say_the_same(which: str, row: tuple[float, float], brand: str, category: str) -> None:
    of = VERSIONS[which]
    answer = of.singles.price(list(row), [brand, category])
    event(f"{which}: {'short' if answer else 'long'}")
    if answer is None:
        return
    expected = long_way(of, list(row), brand, category)
    for ours, theirs in (
        (answer.price, expected.price),
        (answer.price, expected.model_price),
        (answer.lower, expected.lower),
        (answer.upper, expected.upper),
        (answer.numbers, expected.checked.numeric[0]),
    ):
        assert np.asarray(ours).tobytes() == theirs.tobytes()
    checked = expected.checked
    assert checked.refused is None
    assert len(answer.gaps) == checked.missing_count[0]
    assert answer.flags == expected.flags[0]
    assert tally_plain(answer) == tally(expected)
    notices = [*(of.imputed[place] for place in answer.gaps), *unseen_notices(of, answer)]
    assert notices == row_notices(of, expected)
    (texts,) = checked.categories.texts(np.array([0]))
    assert explain(of, answer.numbers, answer.texts) == explain(of, checked.numeric[0], texts)


@pytest.mark.parametrize(
    ("row", "brand", "category"),
    [
        ([8.0, 6.0], "Acme", "phone"),
        ([math.nan, 6.0], "Acme", ""),
        ([2.0, 5.1], "NA", "phone"),
        ([1.5, 6.0], "Acme", "phone"),  # outside training
        ([8.0, 6.0], "who", "phone"),  # never seen
        ([8.0, math.nan], "who", "n/a"),
    ],
)
def test_a_plain_record_goes_the_short_way(row: list[float], brand: str, category: str) -> None:
    assert version().singles.price(row, [brand, category]) is not None


@pytest.mark.parametrize(
    ("row", "brand", "category"),
    [
        ([math.inf, 6.0], "Acme", "phone"),
        ([0.1, 6.0], "Acme", "phone"),  # not valid
        ([8.0, 6.0], "", "phone"),  # required
        ([math.nan, math.nan], "Acme", ""),  # too many missing
        ([60.0, 6.0], "Acme", "phone"),  # clamped
    ],
)
def test_an_odd_record_goes_the_long_way(row: list[float], brand: str, category: str) -> None:
    assert version().singles.price(row, [brand, category]) is None
