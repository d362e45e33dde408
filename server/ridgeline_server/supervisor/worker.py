"""One worker process as its supervisor sees it."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus

from ridgeline_server.link import Word, say, words

ASK_S = 1.0
"""Seconds for an answer of a worker's ops port."""


class Worker:
    """One process, from its start to its end; a restarted worker is a new one with the same number.

    Attributes:
        number: from 1; tells workers apart in log lines.
        pid: the process's id.
        ops_address: where its own /readyz and /metrics are; "" before its models are loaded.
        serving_since: when it began to answer calls, on the monotonic clock; None before.
        failure: what it said of its end; "" when nothing.
    """

    def __init__(
        self,
        number: int,
        arguments: Sequence[str],
        heard: Callable[[Worker, Word, str], None],
        ended: Callable[[Worker], None],
    ) -> None:
        """Start `ridgeline-server` with `arguments`, its number and its end of the link. `heard` is told each
        of its words and then `ended` its end, on a thread of its own.

        Raises:
            OSError: there cannot be another process.
        """
        self.number = number
        self.ops_address = ""
        self.serving_since: float | None = None
        self.failure = ""
        self._end, theirs = socket.socketpair()
        with theirs:
            own = (f"--number={number}", f"--link={theirs.fileno()}")
            try:
                self._process = _start([*arguments, *own], theirs.fileno())
            except OSError:
                self._end.close()
                raise
        self.pid = self._process.pid
        self._thread = threading.Thread(target=self._follow, args=(heard, ended), daemon=True)
        self._thread.start()

    def say(self, word: Word) -> None:
        """Send it a word."""
        say(self._end, word)

    def kill(self) -> None:
        """End it now."""
        self._process.kill()

    def wait_end(self, seconds: float | None = None) -> bool:
        """Return whether it ends within so many seconds; None: wait for that."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def exit_code(self) -> int:
        """As a shell tells it: 128 + the number of the signal that ended the process."""
        code = self._process.returncode
        return 128 - code if code < 0 else code

    @property
    def fate(self) -> str:
        """What became of the process, in words."""
        code = self._process.returncode
        if code < 0:
            return f"was ended by signal {-code} ({signal.strsignal(-code)})"
        return f"left with exit code {code}"

    def ask(self, path: str) -> str | None:
        """Return a page of its ops port; None when it does not answer 200 within ASK_S seconds."""
        connection = http.client.HTTPConnection(self.ops_address, timeout=ASK_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.read().decode() if answer.status == HTTPStatus.OK else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _follow(self, heard: Callable[[Worker, Word, str], None], ended: Callable[[Worker], None]) -> None:
        with self._end:
            for word, text in words(self._end):
                heard(self, word, text)
        self._process.wait()
        ended(self)


def _start(arguments: Sequence[str], link: int) -> subprocess.Popen[bytes]:
    # -P: no module in the working directory may stand in for a library. A group of its own: Ctrl-C is for the
    # supervisor, which passes it on.
    command = [sys.executable, "-P", "-m", "ridgeline_server", *arguments]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[link], process_group=0)  # noqa: S603  # our own
