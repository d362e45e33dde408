"""Where `make docs-check` runs commands, and how it reads samples of data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.pages import samples
from support.pages.shell import Done, Shell


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A real one, in an empty folder."""
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("[tool.hatch.build]\ndev-mode-dirs = []\n")
    with Shell(folder) as started:
        yield started


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("max_rows = 5", None),
        ("max_row = 5", "max_row"),
        ("max_rows = -5", "max_rows in .*greater than or equal to 1"),
        ("max_rows = ", "Invalid value"),
        ("features = []\n[model]\nname = 'a'", "(?s)target.*currency"),
    ],
)
def test_a_toml_sample_is_read_by_the_reader_it_is_for(text: str, problem: str | None) -> None:
    said = samples.problem_of("toml", text)
    assert said is None if problem is None else said and re.search(problem, said)


def test_a_json_sample_is_json() -> None:
    assert samples.problem_of("json", '{"a": 1}') is None
    assert samples.problem_of("json", "{a: 1}") is not None


def test_the_shell_goes_on_where_the_command_before_ended(shell: Shell) -> None:
    assert shell.run("mkdir sub && cd sub; word=kept; export OTHER='two\nlines'", ONCE="1").code == 0
    done = shell.run('basename "$PWD"; echo "$word" "$OTHER" "${ONCE-gone}"')
    assert done == Done(0, "sub\nkept two\nlines gone\n")


def test_the_shell_tells_of_errors_also_within_a_pipe(shell: Shell) -> None:
    assert shell.run("echo out; echo err >&2; exit 3") == Done(3, "out\nerr\n")
    assert shell.run("false | true").code == 1


def test_ports_of_the_pages_are_replaced_and_told_as_the_page_has_them(shell: Shell) -> None:
    done = shell.run('test "$PORT" = 50051 && test "$RIDGELINE_TARGET" = localhost:50051 && echo $OPS_PORT')
    assert done == Done(0, "9464\n")


def test_a_server_that_ends_at_once_is_told_with_what_it_said(shell: Shell) -> None:
    assert shell.serve("echo no models; exit 2") == Done(2, "no models\n")
    assert shell.stop() == Done(0, "")
