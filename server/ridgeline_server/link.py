"""The line between a supervisor and one of its workers: a socket pair with one JSON object a line.

    worker -> supervisor    LOADED, its ops address; SERVING; FAILED, why
    supervisor -> worker    LISTEN; STOP

The end of the stream says that the other process is gone, however it went.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Protocol


class Word(StrEnum):
    """What either side may say."""

    LOADED = "loaded"
    SERVING = "serving"
    FAILED = "failed"
    LISTEN = "listen"
    STOP = "stop"


def say(end: socket.socket, word: Word, text: str = "") -> None:
    """Send one word. Nothing happens when the other process is gone: its stream's end tells that."""
    line = json.dumps({"word": word, "text": text}) + "\n"
    with suppress(OSError):
        end.sendall(line.encode())


def words(end: socket.socket) -> Iterator[tuple[Word, str]]:
    """Yield what the other process says, until it is gone; a message it could not finish is left out."""
    with suppress(OSError, ValueError), end.makefile(encoding="utf-8") as lines:
        for line in lines:
            message = json.loads(line)
            yield Word(message["word"]), message["text"]


class Link(Protocol):
    """What a serving process knows of others that serve with it.

    Attributes:
        versions: what to serve by model name; None: the highest there is.
    """

    versions: Mapping[str, int] | None

    def loaded(self, ops_address: str) -> None:
        """The models are proved, calls could be answered. Returns when they should be."""

    def serving(self) -> None:
        """Calls are answered."""


class NoLink:
    """The Link of a process that serves alone."""

    versions: Mapping[str, int] | None = None

    def loaded(self, ops_address: str) -> None:
        """See `Link`: at once."""

    def serving(self) -> None:
        """See `Link`."""


class WorkerLink:
    """A worker's Link."""

    def __init__(
        self, end: socket.socket, told_to_stop: threading.Event, versions: Mapping[str, int]
    ) -> None:
        self.versions: Mapping[str, int] | None = versions
        self._end = end
        self._told_to_stop = told_to_stop
        self._go_on = threading.Event()

    def follow(self, orphaned: Callable[[], object]) -> None:
        """Do what the supervisor says, on a thread of its own; call `orphaned` when it is gone."""
        threading.Thread(target=self._follow, args=(orphaned,), name="link", daemon=True).start()

    def loaded(self, ops_address: str) -> None:
        """See `Link`: waits for LISTEN or STOP."""
        say(self._end, Word.LOADED, ops_address)
        self._go_on.wait()

    def serving(self) -> None:
        """See `Link`."""
        say(self._end, Word.SERVING)

    def failed(self, why: str) -> None:
        """This process ends, and `why` is what to print."""
        say(self._end, Word.FAILED, why)

    def _follow(self, orphaned: Callable[[], object]) -> None:
        for word, _ in words(self._end):
            if word is Word.STOP:
                self._told_to_stop.set()
            self._go_on.set()
        orphaned()
