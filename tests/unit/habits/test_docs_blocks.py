"""What `make docs-check` takes for a command or a sample."""

from __future__ import annotations

import pytest

from support.fenced import fenced
from support.pages.blocks import Command, PageError, Sample, items


def commands(text: str) -> list[str]:
    return [item.text for item in items("page.md", text) if isinstance(item, Command)]


def test_a_line_of_a_block_is_a_command_without_its_comment() -> None:
    text = fenced("sh", "make serve    # a server", "# nothing", "", "make test PORT=1")
    assert commands(text) == ["make serve", "make test PORT=1"]


def test_lines_belong_together_until_the_shell_has_a_whole_command() -> None:
    lines = ["docker run \\", "  image", "for n in 1 2; do", "  echo $n  # each", "done", "echo 'a", "b'"]
    found = commands(fenced("sh", *lines))
    assert found == ["docker run \\\n  image", "for n in 1 2; do\n  echo $n\ndone", "echo 'a\nb'"]


def test_a_console_block_is_commands_with_what_they_print() -> None:
    text = fenced("console varying", "$ one", "$ two  # words", "printed", "", "more", "$ three")
    found = [item for item in items("page.md", text) if isinstance(item, Command)]
    assert [(c.line, c.text, c.shown) for c in found] == [
        (2, "one", None),
        (3, "two", "printed\n\nmore"),
        (7, "three", None),
    ]
    assert all(c.varying for c in found)


def test_text_right_behind_a_python_sample_is_what_it_prints() -> None:
    sample, output = fenced("python", "print(1)"), fenced("text", "1")
    shown = [item.shown for item in items("page.md", f"{sample}\n{output}") if isinstance(item, Sample)]
    assert shown == ["1\n"]
    apart = [item.shown for item in items("page.md", f"{sample}\nSo\n\n{output}") if isinstance(item, Sample)]
    assert apart == [None]


def test_a_block_in_a_list_is_read_without_its_indentation() -> None:
    assert commands("1. first\n\n   ```sh\n   make help\n   ```\n") == ["make help"]
    assert commands("- first\n  ```console\n  $ make help\n  words\n  ```\n") == ["make help"]


def test_blocks_that_nobody_can_check_are_all_named_with_page_and_line() -> None:
    text = fenced("", "make test") + fenced("powershell", "make test") + fenced("console", "make test")
    with pytest.raises(PageError) as caught:
        items("page.md", text)
    said = str(caught.value).splitlines()
    assert [line.partition(";")[0] for line in said] == [
        "page.md:1: a block with no language",
        "page.md:4: a block with language 'powershell'",
        "page.md:7: a console block without `$ ` and a command at its beginning",
    ]


@pytest.mark.parametrize("text", ["```sh\nmake test\n", "~~~sh\nmake test\n~~~\n"])
def test_a_block_that_would_be_overlooked_is_named(text: str) -> None:
    with pytest.raises(PageError, match=r"page.md: a block that is not closed, or not marked by ```"):
        items("page.md", text)


def test_inline_code_is_a_command_when_it_says_more_than_a_programs_name() -> None:
    prose = "Run `make help`, `.venv/bin/ridgeline\nscore a b`, `.ci/run`; not `make`, `ridgeline_client`."
    assert commands(prose) == ["make help", ".venv/bin/ridgeline score a b", ".ci/run"]
    assert commands(fenced("text", "`make help`")) == []
