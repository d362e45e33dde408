"""Shapes of load for Locust: in its own runs by `SHAPE=step locust ...`, and in the gate's."""

from __future__ import annotations

from collections.abc import Sequence

from locust import LoadTestShape

from harness.stages import SHAPES, Stage, stage_at

DEFAULT_USERS = 16
DEFAULT_SECONDS = 60.0


class StagedShape(LoadTestShape):
    """Follows stages."""

    def __init__(self, stages: Sequence[Stage] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Locust has no types there
        self.stages = stages

    def tick(self) -> tuple[int, float] | None:
        """Return how many users there should be now, and how many to start a second; None at the end."""
        now = self.get_run_time()  # type: ignore[no-untyped-call]  # Locust has no types there
        stage = stage_at(self.stages, now)
        return None if stage is None else (stage.users, stage.spawn_rate)


def shape_named(name: str) -> type[LoadTestShape]:
    """Return one of SHAPES as a class for a locustfile; it heeds Locust's --users and --run-time.

    Raises:
        SystemExit: there is no such shape.
    """
    if name not in SHAPES:
        raise SystemExit(f"SHAPE is {name!r}: expected one of {', '.join(SHAPES)}")

    class Chosen(StagedShape):
        use_common_options = True

        def tick(self) -> tuple[int, float] | None:
            assert self.runner is not None
            told = vars(self.runner.environment.parsed_options)
            users, seconds = told["num_users"] or DEFAULT_USERS, told["run_time"] or DEFAULT_SECONDS
            self.stages = SHAPES[name](users, seconds)
            return super().tick()

    return Chosen
