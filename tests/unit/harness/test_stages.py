from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stages import RAMP_S, SHAPES, SPIKE, Stage, spike, stage_at, steady, step


@pytest.mark.parametrize("name", SHAPES)
@given(st.integers(1, 300), st.floats(1, 1e4))
def test_every_shape_lasts_as_long_as_asked_and_goes_forward(name: str, users: int, seconds: float) -> None:
    ends = [stage.end_s for stage in SHAPES[name](users, seconds)]
    assert ends == sorted(set(ends))
    assert ends[0] > 0
    assert ends[-1] == pytest.approx(seconds)


def test_a_steady_load_comes_up_to_its_users_in_the_ramp() -> None:
    (stage,) = steady(30, 60)
    assert stage == Stage(60, 30, 30 / RAMP_S)


@pytest.mark.parametrize(
    ("users", "expected"), [(1, [1]), (2, [1, 2]), (5, [1, 2, 4, 5]), (64, [1, 2, 4, 8, 16, 32, 64])]
)
def test_steps_double_up_to_the_users_asked_for(users: int, expected: list[int]) -> None:
    stages = step(users, 70)
    assert [stage.users for stage in stages] == expected
    assert stages[0].end_s == pytest.approx(70 / len(expected))


def test_a_spike_goes_up_and_comes_back() -> None:
    assert [stage.users for stage in spike(4, 30)] == [4, 4 * SPIKE, 4]


def test_a_moment_has_the_stage_that_has_not_ended() -> None:
    stages = spike(4, 30)
    assert [stage_at(stages, now) for now in (0, 9.9, 10, 29.9)] == [
        stages[0],
        stages[0],
        stages[1],
        stages[2],
    ]
    assert stage_at(stages, 30) is None
