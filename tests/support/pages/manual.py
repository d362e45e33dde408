"""Which options our commands have, as their help says: what pages name in passing must be among them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from support.pages.blocks import Command
from support.pages.shell import Done

_OURS = re.compile(r"(?:\.venv/bin/)?(ridgeline(?:-export|-server)?(?: [a-z]+)?)(?!\S)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


class Manual:
    """Options by command, such as `ridgeline score`; a command that does not exist has None."""

    def __init__(self, commands: Iterable[Command], run: Callable[[str], Done]) -> None:
        named = (_OURS.match(command.text) for command in commands)
        self._options: dict[str, set[str] | None] = {}
        for name in sorted({match[1] for match in named if match}):
            shown = run(f"{name} --help")
            self._options[name] = set(_OPTION.findall(shown.output)) if shown.code == 0 else None

    @staticmethod
    def is_ours(text: str) -> bool:
        """Whether the command is one of this project's."""
        return _OURS.match(text) is not None

    def problem_of_command(self, text: str) -> str | None:
        """Return what no help has of one of our commands: itself or an option; None when all is there."""
        match = _OURS.match(text)
        assert match
        known = self._options[match[1]]
        if known is None:
            return f"there is no command {match[1]}"
        unknown = [option for option in _OPTION.findall(text) if option not in known]
        return f"{match[1]} has no {', '.join(unknown)}" if unknown else None

    def problem_of_option(self, text: str) -> str | None:
        """Return what is wrong with an option that a page names alone; None when a command has it."""
        (option,) = _OPTION.findall(text)[:1] or [text]
        known = set().union(*(options for options in self._options.values() if options))
        return None if option in known else f"no command of the pages has {option}"
