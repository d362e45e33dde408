from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from harness.streams import Conversation
from harness.workload import Request

CHUNKS = [Request(b"chunk %d" % n, 1, {}) for n in range(10)]
PATIENCE_S = 30.0


class Call:
    """A stream that reads like gRPC's, in a thread of its own, and answers as it is let."""

    def __init__(self, messages: Iterator[bytes], answers: int) -> None:
        self.received: list[bytes] = []
        self.cancelled = False
        self._left = answers
        self._arrived = threading.Semaphore(0)
        self._reader = threading.Thread(target=self._read, args=(messages,))
        self._reader.start()

    def _read(self, messages: Iterator[bytes]) -> None:
        for message in messages:
            self.received.append(message)
            self._arrived.release()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._left:
            raise StopIteration
        assert self._arrived.acquire(timeout=PATIENCE_S)
        self._left -= 1
        return b"answer"

    def cancel(self) -> None:
        self.cancelled = True

    def join(self) -> None:
        self._reader.join(PATIENCE_S)
        assert not self._reader.is_alive()


def conversation(window: int, answers: int) -> tuple[Conversation, list[Call]]:
    calls: list[Call] = []

    def method(messages: Iterator[bytes], timeout: float) -> Any:
        calls.append(Call(messages, answers))
        return calls[0]

    return Conversation(method, b"open", CHUNKS, window), calls


def test_all_chunks_are_sent_behind_the_opening_and_answered_in_order() -> None:
    talk, calls = conversation(3, 11)
    answered = list(talk.answers(PATIENCE_S))
    calls[0].join()
    assert calls[0].received == [b"open", *(chunk.data for chunk in CHUNKS)]
    assert [answer.request for answer in answered] == CHUNKS
    assert all(answer.seconds >= 0 for answer in answered)


def test_never_more_chunks_are_under_way_than_the_window() -> None:
    talk, calls = conversation(3, 11)
    for place, _ in enumerate(talk.answers(PATIENCE_S)):
        assert len(calls[0].received) <= 1 + place + 1 + 3
    calls[0].join()


def test_a_stream_that_ends_early_is_an_error_and_its_sender_does_not_wait_on() -> None:
    talk, calls = conversation(2, 4)
    with pytest.raises(EOFError, match="before all chunks were answered"):
        list(talk.answers(PATIENCE_S))
    calls[0].join()
    assert calls[0].cancelled
    assert len(calls[0].received) < 1 + len(CHUNKS)


def test_a_conversation_that_is_given_up_cancels_its_call() -> None:
    talk, calls = conversation(2, 11)
    answers = talk.answers(PATIENCE_S)
    next(answers)
    answers.close()
    calls[0].join()
    assert calls[0].cancelled
