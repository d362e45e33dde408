"""How long a worker that has ended is waited for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ridgeline_server.supervisor.restarts import FIRST_S, FORGIVEN_S, MOST_S, wait_before_restart

short = st.floats(0, FORGIVEN_S, exclude_max=True)
long = st.floats(FORGIVEN_S, 1e9)


def waits(served: list[float]) -> list[float]:
    """The waits of a worker that served for so long each time."""
    previous, found = None, []
    for seconds in served:
        previous = wait_before_restart(previous, seconds)
        found.append(previous)
    return found


def test_waits_double_from_a_tenth_of_a_second_to_ten_seconds() -> None:
    assert waits([0.0] * 10) == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]


@given(st.lists(short, min_size=1), long, st.lists(short, min_size=1))
def test_after_a_minute_of_serving_it_is_as_if_it_never_ended(
    before: list[float], served: float, after: list[float]
) -> None:
    assert waits([*before, served, *after])[len(before) :] == waits([served, *after])


@given(st.lists(st.one_of(short, long)))
def test_no_wait_is_shorter_than_the_first_or_longer_than_the_most(served: list[float]) -> None:
    assert all(FIRST_S <= wait <= MOST_S for wait in waits(served))
