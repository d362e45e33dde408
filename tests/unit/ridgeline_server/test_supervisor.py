"""What a supervisor does when its workers speak and end, with workers that are no processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ridgeline_server.config import load_settings
from ridgeline_server.link import Word
from ridgeline_server.supervisor import supervisor as module
from ridgeline_server.supervisor.serve import own_page, readiness
from ridgeline_server.supervisor.supervisor import Phase, Supervisor, WorkerFailed

LOADED, SERVING, FAILED, LISTEN, STOP = Word.LOADED, Word.SERVING, Word.FAILED, Word.LISTEN, Word.STOP


class Puppet:
    """A worker that does what the test says."""

    made: list[Puppet]
    refused: int

    def __init__(self, number: int, arguments: list[str], heard: Any, ended: Any) -> None:
        if self.refused:
            type(self).refused -= 1
            raise OSError(11, "Resource temporarily unavailable")
        self.number, self.pid, self.arguments = number, 1000 + len(self.made), arguments
        self.ops_address, self.failure = "", ""
        self.serving_since: float | None = None
        self.exit_code, self.fate = 9, "left with exit code 9"
        self.answers = True
        self.told: list[Word] = []
        self.killed = False
        self.hears: Callable[[Word, str], None] = partial(heard, self)
        self.ends: Callable[[], None] = partial(ended, self)
        self.made.append(self)

    def say(self, word: Word) -> None:
        self.told.append(word)

    def ask(self, path: str, timeout: float = 1.0) -> str | None:
        assert timeout > 0
        return "" if path == "/metrics" else "serving" if self.answers else None

    def kill(self) -> None:
        self.killed = True

    def wait_end(self, seconds: float | None = None) -> bool:
        return True


class Stage:
    """A supervisor of two workers, a step at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "toys" / "1").mkdir(parents=True)
        monkeypatch.setattr(module, "Worker", Puppet)
        monkeypatch.setattr(Puppet, "made", [], raising=False)
        monkeypatch.setattr(Puppet, "refused", 0, raising=False)
        self.waits: list[float] = []
        monkeypatch.setattr("threading.Timer", self._timer)
        self.told = threading.Event()
        flags = {"models": tmp_path, "workers": 2, "address": "127.0.0.1:0", "drain_grace_s": 3600}
        monkeypatch.setattr(module, "SharedPort", lambda address: type("P", (), {"address": address}))
        self.supervisor = Supervisor(load_settings(flags, {}), self.told)
        for number in (1, 2):
            self.supervisor._start(number)

    def _timer(self, seconds: float, task: Any, arguments: list[Any]) -> Any:
        self.waits.append(seconds)
        return type("Timer", (), {"daemon": False, "start": lambda _: task(*arguments)})()

    def go_on(self) -> None:
        """Do everything there is to do."""
        while not self.supervisor._tasks.empty():
            self.supervisor._tasks.get()()

    def serve(self) -> None:
        """Come to serve with both."""
        for word in (LOADED, SERVING):
            for puppet in Puppet.made:
                puppet.hears(word, "127.0.0.1:1")
        self.go_on()
        assert self.supervisor.phase is Phase.SERVING


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    return Stage(monkeypatch, tmp_path)


def test_no_worker_listens_before_all_have_loaded(stage: Stage) -> None:
    first, second = Puppet.made
    first.hears(LOADED, "127.0.0.1:1")
    stage.go_on()
    assert first.told == second.told == []
    second.hears(LOADED, "127.0.0.1:2")
    stage.go_on()
    assert first.told == second.told == [LISTEN]


def test_it_is_ready_once_all_serve_and_then_as_long_as_one_does(stage: Stage) -> None:
    first, second = Puppet.made
    for puppet in Puppet.made:
        puppet.hears(LOADED, "127.0.0.1:1")
    first.hears(SERVING, "")
    stage.go_on()
    assert readiness(stage.supervisor) == (False, "loading")
    second.hears(SERVING, "")
    stage.go_on()
    assert readiness(stage.supervisor) == (True, "serving")
    first.answers = False
    assert readiness(stage.supervisor) == (True, "serving")
    second.answers = False
    assert readiness(stage.supervisor) == (False, "no worker serves")


def test_a_worker_that_is_started_again_listens_as_soon_as_it_can(stage: Stage) -> None:
    stage.serve()
    Puppet.made[0].ends()
    stage.go_on()
    third = Puppet.made[2]
    assert (third.number, third.arguments) == (1, Puppet.made[0].arguments)
    third.hears(LOADED, "127.0.0.1:3")
    stage.go_on()
    assert third.told == [LISTEN]


def test_its_own_numbers_are_workers_that_serve_and_restarts(stage: Stage) -> None:
    def own() -> tuple[float, float]:
        workers, restarts, *_ = own_page(stage.supervisor)
        return workers.samples[0].value, restarts.samples[0].value

    stage.serve()
    assert own() == (2, 0)
    Puppet.made[0].ends()
    stage.go_on()
    assert own() == (1, 1)


def test_a_worker_that_never_served_ends_the_start_with_its_own_words(stage: Stage) -> None:
    Puppet.made[1].hears(FAILED, "ridgeline-server: models: not fit to serve")
    Puppet.made[1].ends()
    with pytest.raises(WorkerFailed, match="not fit to serve") as caught:
        stage.go_on()
    assert caught.value.exit_code == 9


def test_one_that_served_while_others_loaded_is_started_again(stage: Stage) -> None:
    for puppet in Puppet.made:
        puppet.hears(LOADED, "127.0.0.1:1")
    Puppet.made[0].hears(SERVING, "")
    Puppet.made[0].ends()
    Puppet.made[1].hears(SERVING, "")
    stage.go_on()
    assert readiness(stage.supervisor) == (False, "loading")
    for word in (LOADED, SERVING):
        Puppet.made[2].hears(word, "127.0.0.1:3")
    stage.go_on()
    assert stage.supervisor.phase is Phase.SERVING


def test_when_there_cannot_be_another_process_it_is_tried_again(stage: Stage) -> None:
    stage.serve()
    Puppet.refused = 3
    Puppet.made[0].ends()
    stage.go_on()
    assert stage.waits == [0.1, 0.2, 0.4, 0.8]
    assert (len(Puppet.made), stage.supervisor.restarts) == (3, 1)


def test_a_worker_that_ends_because_all_were_told_to_is_not_started_again(stage: Stage) -> None:
    stage.serve()
    stage.told.set()
    for puppet in Puppet.made:
        puppet.ends()
    stage.go_on()
    assert len(Puppet.made) == 2
    stage.supervisor._drain()
    assert stage.supervisor.phase is Phase.STOPPED


def test_a_drain_waits_for_every_worker(stage: Stage) -> None:
    stage.serve()
    stage.told.set()
    first, second = Puppet.made
    draining = threading.Thread(target=stage.supervisor._drain)
    draining.start()
    first.ends()
    second.hears(FAILED, "late")
    assert draining.is_alive()
    second.ends()
    draining.join(60)
    assert stage.supervisor.phase is Phase.STOPPED
    assert [puppet.told[-1] for puppet in Puppet.made] == [STOP, STOP]


def test_a_restart_that_falls_due_while_it_drains_is_none(stage: Stage) -> None:
    stage.serve()
    Puppet.made[0].ends()
    stage.supervisor._tasks.get()()
    stage.supervisor.phase = Phase.DRAINING
    stage.go_on()
    assert len(Puppet.made) == 2


def test_a_worker_that_hangs_is_killed_and_started_again_when_it_is_gone(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[Puppet] = []

    def hangs(worker: Puppet, limit_s: float) -> bool:
        assert limit_s == stage.supervisor._settings.worker_timeout_s
        watched.append(worker)
        return worker is Puppet.made[0]

    monkeypatch.setattr(module, "hangs", hangs)
    monkeypatch.setattr("threading.Thread", Now)
    stage.serve()
    assert watched == Puppet.made
    assert [puppet.killed for puppet in Puppet.made] == [True, False]
    Puppet.made[0].ends()
    stage.go_on()
    assert [puppet.number for puppet in Puppet.made] == [1, 2, 1]


def test_a_worker_that_ended_before_it_could_be_killed_is_left_alone(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.serve()
    first = Puppet.made[0]
    first.ends()
    stage.go_on()
    stage.supervisor._end_hung(first)  # type: ignore[arg-type]  # a puppet
    assert not first.killed
    assert "has not answered" not in caplog.text


class Now:
    """A thread that has done its work when it has started."""

    def __init__(self, target: Any, args: Any, **_: Any) -> None:
        self.start = partial(target, *args)
