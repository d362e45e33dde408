"""A file of tokens on the disk: read, replaced, and read again when it changes."""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ridgeline_server.access.entries import Entry, TokensError, format_entries, parse_entries
from ridgeline_server.access.register import Register

_log = logging.getLogger(__name__)

_LOOK_S = 1.0

_Stamp = tuple[int, int, int]


def read_entries(path: Path) -> tuple[Entry, ...]:
    """Read the entries of a file. Raises TokensError, also when it cannot be read."""
    try:
        return parse_entries(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TokensError([f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise TokensError(["is not UTF-8"]) from None


def write_entries(path: Path, entries: Sequence[Entry]) -> None:
    """Replace a file at once, readable by its owner alone; an owner it had before stays.

    Raises:
        TokensError: the entries contradict each other; nothing is written.
        OSError: the file cannot be written.
    """
    content = format_entries(entries)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if path.exists() and (owner := path.stat()).st_uid != os.geteuid():
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


@contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Let nobody else change the files of the directory by this module while the block runs."""
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


class TokenFile:
    """The register of a file. One that changes is read again; a broken one is not taken.

    Attributes:
        register: the callers of the last file that was good.
    """

    def __init__(self, path: Path, told: Callable[[bool], object] = lambda _: None) -> None:
        """`told` is told of each time the file was read again: whether it was taken.

        Raises:
            TokensError: the file is no file of tokens.
        """
        self._path = path
        self._told = told
        self._seen = self._stamp()
        self._problem: tuple[_Stamp | None, str] | None = None
        self.register = Register(read_entries(path))
        self._stopped = threading.Event()

    def watch(self) -> None:
        """Look every second whether the file has changed, on a thread of its own."""
        threading.Thread(target=self._watch, name="tokens", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def look(self) -> None:
        """Read the file again if it has changed. One that is not taken is tried again each time, for that may
        have been nobody's fault but the disk's, or that of rights that have not been given yet."""
        stamp = self._stamp()
        if stamp == self._seen:
            self._problem = None
            return
        try:
            entries = read_entries(self._path)
        except TokensError as error:
            self._refuse((stamp, str(error)))
            return
        self._seen, self._problem = stamp, None
        self.register = Register(entries, self.register)
        _log.info("%s was read again: %d entries", self._path, len(entries))
        self._told(True)

    def _refuse(self, problem: tuple[_Stamp | None, str]) -> None:
        if problem != self._problem:
            self._problem = problem
            _log.error("%s is not taken, the tokens stay as they were: %s", self._path, problem[1])
            self._told(False)

    def _watch(self) -> None:
        while not self._stopped.wait(_LOOK_S):
            try:
                self.look()
            except Exception:  # noqa: BLE001  # the watch must go on, whatever the disk does
                _log.exception("cannot look at %s", self._path)

    def _stamp(self) -> _Stamp | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
