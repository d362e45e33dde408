from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from harness.answers import Outcome
from harness.tally import Recorder, Tally

outcomes = st.one_of(
    st.builds(Outcome, priced=st.integers(1, 9), refused=st.integers(0, 9)),
    st.builds(Outcome, refused=st.integers(1, 9)),
    st.builds(Outcome, problem=st.sampled_from(["INTERNAL", "UNAVAILABLE gone"])),
)
answers = st.lists(st.tuples(st.floats(0, 10), outcomes), max_size=20)


def tally_of(recorded: list[tuple[float, Outcome]]) -> Tally:
    tally = Tally()
    for seconds, outcome in recorded:
        tally.record(seconds, outcome)
    return tally


@given(answers)
def test_every_request_is_counted_once(recorded: list[tuple[float, Outcome]]) -> None:
    tally = tally_of(recorded)
    priced = [seconds for seconds, outcome in recorded if outcome.priced]
    assert tally.requests == len(recorded)
    assert tally.latency.count == len(priced)
    assert tally.refused == sum(not (o.priced or o.problem) for _, o in recorded)
    assert tally.problems.total() == sum(bool(o.problem) for _, o in recorded)
    assert tally.rows == sum(o.priced for _, o in recorded)
    assert tally.refused_rows == sum(o.refused for _, o in recorded)
    assert tally.problem_share == tally.problems.total() / (len(recorded) or 1)


def test_only_answers_with_a_price_have_a_latency() -> None:
    tally = tally_of([(0.002, Outcome(priced=1)), (9, Outcome(refused=1)), (9, Outcome(problem="INTERNAL"))])
    assert tally.latency.max_us == 2_000


@given(answers, answers)
def test_merging_is_counting_all_and_travels_as_json(
    ours: list[tuple[float, Outcome]], theirs: list[tuple[float, Outcome]]
) -> None:
    merged = tally_of(ours)
    merged.merge(Tally.from_dict(json.loads(json.dumps(tally_of(theirs).to_dict()))))
    whole = tally_of(ours + theirs).to_dict()
    told = merged.to_dict()
    told["latency"].pop("sum_us")  # the order of additions shows in the last digit
    whole["latency"].pop("sum_us")
    assert told == whole


def test_a_recorder_counts_by_kind_and_begins_anew_when_taken() -> None:
    recorder, master = Recorder(), Recorder()
    recorder.record("Predict", 0.001, Outcome(priced=1))
    recorder.record("PredictBatch", 0.001, Outcome(priced=100))
    assert {kind: tally.rows for kind, tally in recorder.so_far().items()} == {
        "Predict": 1,
        "PredictBatch": 100,
    }
    for _ in range(2):
        master.add(recorder.take())
        recorder.record("Predict", 0.001, Outcome(priced=1))
    assert {kind: tally.rows for kind, tally in master.so_far().items()} == {
        "Predict": 2,
        "PredictBatch": 100,
    }
    assert recorder.take()["Predict"].rows == 1
    assert not recorder.so_far()
