"""Inputs of fuzzing are changed so that they stay messages."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from fuzz.mutate import mutated_input
from fuzz.prepare import seeds
from fuzz.targets import REQUESTS, framed, parts

SEEDS = list(seeds())


@given(st.sampled_from(SEEDS), st.integers(0, 2**32))
def test_a_changed_message_is_a_message_of_the_same_call(data: bytes, seed: int) -> None:
    changed = mutated_input(data, random.Random(seed))
    if changed is not None:
        call, _, content = parts(changed)
        assert call == parts(data)[0]
        REQUESTS[call].FromString(content)


def test_most_messages_change_and_bytes_that_are_none_are_left_alone() -> None:
    good = framed("PredictBatch", "clamp", b"")
    assert len({mutated_input(good, random.Random(seed)) for seed in range(100)}) > 20
    assert mutated_input(framed("open", "clamp", b"\xff"), random.Random(0)) is None


def test_every_first_byte_and_no_byte_at_all_is_some_call() -> None:
    found = {parts(bytes([first]))[:2] for first in range(256)} | {parts(b"")[:2]}
    assert {call for call, _ in found} == set(REQUESTS)
    assert len(found) == 15
    for call, policy in found:
        assert parts(framed(call, policy, b"x")) == (call, policy, b"x")
