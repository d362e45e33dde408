"""States go one way, and say when calls are answered."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from ridgeline_server.lifecycle import Lifecycle, State
from ridgeline_server.rollout.catalog import Catalog

STEPS = st.lists(st.sampled_from([*State, "serve"]))
CATALOG = cast("Catalog", object())


@given(STEPS)
def test_no_step_leads_back_and_only_loading_leads_to_serving(steps: list[State | str]) -> None:
    life = Lifecycle()
    for step in steps:
        before = life.state
        if isinstance(step, State):
            life.advance(step)
            assert life.state == max(before, step)
        else:
            life.serve(CATALOG)
            assert life.state == max(before, State.SERVING)


@given(STEPS)
def test_calls_are_answered_in_two_states_and_the_others_are_named(steps: list[State | str]) -> None:
    life = Lifecycle()
    for step in steps:
        life.advance(step) if isinstance(step, State) else life.serve(CATALOG)
        refusal = life.refusal()
        assert (refusal is None) == (life.state in (State.SERVING, State.LAME_DUCK))
        if refusal is not None:
            assert refusal.metadata == {"state": life.state.name.lower()}
