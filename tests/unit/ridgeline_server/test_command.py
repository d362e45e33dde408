"""Which processes keep their memory to themselves, and when they begin."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from ridgeline_server import command, process, supervisor
from ridgeline_server.monitoring import logs

SERVE = ["serve", "--models", "none"]


class Linked:
    """A worker's end of the link, with nobody at the other end."""

    def __init__(self, end: socket.socket, *_: Any) -> None:
        end.close()

    def follow(self, orphaned: Any) -> None:
        """Hear nothing."""


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the command did, in order; it neither serves nor changes this process."""
    done: list[str] = []

    def note(what: str) -> Any:
        return lambda *_, **__: done.append(what)

    monkeypatch.setattr(process, "keep_memory_private", note("private"))
    monkeypatch.setattr(command, "_answer", note("answer"))
    monkeypatch.setattr(supervisor, "run", note("supervise"))
    monkeypatch.setattr(command, "WorkerLink", Linked)
    monkeypatch.setattr(command, "_stop_on_signals", threading.Event)
    monkeypatch.setattr(logs, "configure", note("logs"))
    return done


def work(*flags: str) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        number = theirs.detach()
        command.main(["worker", "--number=1", f"--link={number}", "--versions={}", "--models=none", *flags])


def test_a_serving_process_is_private_before_it_reads_a_model(done: list[str]) -> None:
    command.main(SERVE)
    assert done == ["logs", "private", "answer"]


def test_a_supervisor_is_too(done: list[str]) -> None:
    command.main([*SERVE, "--workers", "2"])
    assert done == ["logs", "private", "supervise"]


def test_and_each_worker(done: list[str]) -> None:
    work()
    assert done == ["logs", "private", "answer"]


def test_core_dumps_are_there_for_who_asks(done: list[str]) -> None:
    command.main([*SERVE, "--core-dumps"])
    command.main([*SERVE, "--core-dumps", "--workers", "2"])
    work("--core-dumps")
    assert done == ["logs", "answer", "logs", "supervise", "logs", "answer"]
