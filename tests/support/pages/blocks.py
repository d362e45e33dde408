"""What a page holds that can be tried: commands, and samples of code or data.

A fenced block is told by its language: `sh` is commands, `console` is commands (`$ `) with what they print,
`python`, `toml` and `json` are samples, `text` and `yaml` are read by people alone. What a `text` block shows
right behind a Python sample is what the sample prints. `inline code` that starts with a program's name and
says more than the name is a command too.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent

COMMANDS, SESSION = "sh", "console"
SAMPLES = ("python", "toml", "json")
FOR_PEOPLE = ("text", "yaml")
LANGUAGES = (COMMANDS, SESSION, *SAMPLES, *FOR_PEOPLE)

_FENCE = re.compile(r"^[ \t]*(`{3,})([^\n`]*)\n(.*?)^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
_STRAY_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_INLINE = re.compile(r"(?<![`\w])`([^`]+)`(?!`)")
_COMMENT = re.compile(r"\s+#\s.*$")
_PROGRAM = re.compile(
    r"\.ci/run$|(\.venv/bin/)?(apt|apt-get|bash|buf|curl|docker|git|go|grpcurl|h2load|kubectl|locust|make|node|"
    r"npm|pip|podman|protoc|pytest|python3?|ridgeline(-export|-server)?|sudo|systemctl|taskset|wget) \S"
)
_PLACEHOLDER = re.compile(r"\b[A-Z][A-Z_]*\b(?!=)|\.\.\.")


@dataclass(frozen=True)
class Block:
    """A fenced block. `words` follow the language; `line` is the first line of the text, from 1."""

    line: int
    end: int
    language: str
    words: str
    text: str


@dataclass(frozen=True)
class Command:
    """One command of a page. `shown` is the output the page shows, None when it shows none."""

    page: str
    line: int
    text: str
    shown: str | None = None
    varying: bool = False
    inline: bool = False

    @property
    def has_placeholder(self) -> bool:
        """Whether readers must put something of their own in: TABLE, HOST:PORT, an ellipsis."""
        return _PLACEHOLDER.search(self.text) is not None


@dataclass(frozen=True)
class Sample:
    """Code or data. `shown` is what the page says a Python sample prints, None when it says nothing."""

    page: str
    line: int
    language: str
    text: str
    shown: str | None = None


@dataclass(frozen=True)
class Flag:
    """An option that the prose names: `--json`."""

    page: str
    line: int
    text: str


Item = Command | Sample | Flag


class PageError(Exception):
    """Blocks that nobody can tell what to do with; each line names one and what to write instead."""


def items(page: str, text: str) -> list[Item]:
    """Everything to try in a page, in its order; raises PageError."""
    blocks = _blocks(text)
    problems = [f"{page}:{block.line - 1}: {problem}" for block in blocks if (problem := _problem(block))]
    if _STRAY_FENCE.search(_FENCE.sub("", text)):
        problems.append(f"{page}: a block that is not closed, or not marked by ```")
    if problems:
        raise PageError("\n".join(problems))
    found: list[Item] = []
    for block, follower in zip(blocks, [*blocks[1:], None], strict=False):
        if block.language in {COMMANDS, SESSION}:
            found += _commands(page, block)
        elif block.language in SAMPLES:
            printed = follower if follower and _is_output(text, block, follower) else None
            shown = printed.text if printed else None
            found.append(Sample(page, block.line, block.language, block.text, shown))
    found += _inline(page, text)
    return sorted(found, key=lambda item: item.line)


def _blocks(text: str) -> list[Block]:
    blocks = []
    for match in _FENCE.finditer(text):
        language, _, words = match[2].strip().partition(" ")
        line = text.count("\n", 0, match.start(3)) + 1
        blocks.append(Block(line, match.end(), language, words, dedent(match[3])))
    return blocks


def _problem(block: Block) -> str | None:
    if block.language not in LANGUAGES:
        language = f"language {block.language!r}" if block.language else "no language"
        return f"a block with {language}; write one of {', '.join(LANGUAGES)}"
    if block.language == SESSION and not block.text.startswith("$ "):
        return "a console block without `$ ` and a command at its beginning; output alone is text"
    return None


def _is_output(text: str, block: Block, follower: Block) -> bool:
    between = text[block.end : text.index("```", block.end)]
    return block.language == "python" and follower.language == "text" and not between.strip()


def _commands(page: str, block: Block) -> Iterator[Command]:
    lines = list(enumerate(block.text.splitlines(), block.line))
    if block.language == SESSION:
        yield from _session(page, block, lines)
        return
    while lines:
        number, command = _take(lines)
        if command:
            yield Command(page, number, command)


def _session(page: str, block: Block, lines: list[tuple[int, str]]) -> Iterator[Command]:
    while lines:
        lines[0] = (lines[0][0], lines[0][1].removeprefix("$ "))
        number, command = _take(lines)
        shown = []
        while lines and not lines[0][1].startswith("$ "):
            shown.append(lines.pop(0)[1])
        output = "\n".join(shown) if "".join(shown).strip() else None
        yield Command(page, number, command, output, varying="varying" in block.words.split())


def _take(lines: list[tuple[int, str]]) -> tuple[int, str]:
    """Take lines until the shell has a whole command; the comment behind it is left out."""
    number, first = lines.pop(0)
    taken = [_COMMENT.sub("", first).strip()]
    if taken[0].startswith("#"):
        return number, ""
    while lines and not is_whole("\n".join(taken)):
        taken.append(_COMMENT.sub("", lines.pop(0)[1]))
    return number, "\n".join(taken)


def is_whole(command: str) -> bool:
    """Whether the shell would not wait for another line."""
    if command.endswith("\\"):
        return False
    parsed = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
    return not parsed.stderr


def _inline(page: str, text: str) -> Iterator[Command | Flag]:
    prose = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in _INLINE.finditer(prose):
        code = " ".join(match[1].split())
        line = prose.count("\n", 0, match.start()) + 1
        if _PROGRAM.match(code):
            yield Command(page, line, code, inline=True)
        elif code.startswith("--"):
            yield Flag(page, line, code)
