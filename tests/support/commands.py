"""Commands run in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

Main = Callable[[Sequence[str] | None], int]
"""A command: takes its arguments, prints, returns its exit code."""
Capture = pytest.CaptureFixture[str]


def told(capsys: Capture, main: Main, *arguments: str) -> tuple[int, str]:
    """Run a command; returns its exit code and what it printed, errors last."""
    code = main(arguments)
    printed = capsys.readouterr()
    return code, printed.out + printed.err
