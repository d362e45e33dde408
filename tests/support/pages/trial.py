"""Tries what a page says, item by item."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from support.pages import rules, samples
from support.pages.blocks import Command, Flag, Item, Sample
from support.pages.manual import Manual
from support.pages.output import difference
from support.pages.shell import GRPC, SERVES, Done, Shell
from support.pages.tree import NotReady

DEFAULT_SERVER = "ridgeline-server serve --models models"
_ONLY_LOOKED_AT = {"MAKEFLAGS": "n", "PYTEST_ADDOPTS": "--collect-only --quiet --noconftest"}
# For make, TARGET is a variable, and pip works in the copy. Elsewhere pip would change the real environment,
# so it only tries; "0" is its way to say yes: a dry run cannot make a build environment.
_NOT_FOR_MAKE = {"TARGET": f"localhost:{GRPC}", "PIP_DRY_RUN": "1", "PIP_NO_BUILD_ISOLATION": "0"}
_TAIL_LINES = 20
_LIST_IT = "list it in tests/support/pages/rules.py"
_MISSING_EXTRA = "does not provide the extra"  # pip's warning: it goes on without


class Kind(Enum):
    """What is done with an item: run it, look at its form, leave it to the tests, leave it out."""

    RUN = "run"
    FORM = "form"
    TESTS = "tests"
    EXCLUDED = "excluded"


@dataclass(frozen=True)
class Verdict:
    """What came of an item. `failure` is None when all is well."""

    item: Item
    kind: Kind
    seconds: float
    failure: str | None


def kind_of(item: Item) -> Kind:
    """Return what is to be done with an item."""
    if isinstance(item, Flag):
        return Kind.FORM
    if isinstance(item, Sample):
        return Kind.RUN
    if rules.rule_for(item.text, rules.EXCLUDED):
        return Kind.EXCLUDED
    if rules.rule_for(item.text, rules.LEFT_TO_TESTS):
        return Kind.TESTS
    passing = item.inline and (Manual.is_ours(item.text) or SERVES.match(item.text) or item.has_placeholder)
    return Kind.FORM if passing else Kind.RUN


def without_repetitions(pages: Mapping[str, Sequence[Item]]) -> dict[str, list[Item]]:
    """Leave out what is tried anyway: prose that repeats a command, long proofs with the same short form."""
    commands = [item for page in pages.values() for item in page if isinstance(item, Command)]
    in_blocks = {rules.in_short_form(command.text) for command in commands if not command.inline}
    seen: set[str] = set()

    def is_new(item: Item) -> bool:
        if not isinstance(item, Command):
            return True
        text = rules.in_short_form(item.text)
        once = item.inline or (rules.is_long_proof(item.text) and item.shown is None)
        if once and (text in seen or (item.inline and text in in_blocks)):
            return False
        seen.add(text)
        return True

    return {name: [item for item in page if is_new(item)] for name, page in pages.items()}


class Trial:
    """Tries the items of one page. A server of the default model runs, unless the page starts another."""

    def __init__(self, shell: Shell, manual: Manual, makefile: str) -> None:
        self._shell, self._manual, self._makefile = shell, manual, makefile

    def verdicts(self, items: Sequence[Item]) -> Iterator[Verdict]:
        """Try them in their order; how a server ends counts for the last one. Raises NotReady."""
        if any(kind_of(item) is Kind.RUN for item in items):
            problem = _failed(self._shell.serve(DEFAULT_SERVER))
            if problem:
                raise NotReady(f"{DEFAULT_SERVER}: {problem}")
        for number, item in enumerate(items, 1):
            kind, began = kind_of(item), time.monotonic()
            failure = self._problem(item, kind)
            if number == len(items):
                failure = failure or _failed(self._shell.stop())
            yield Verdict(item, kind, time.monotonic() - began, failure)

    def _problem(self, item: Item, kind: Kind) -> str | None:
        if isinstance(item, Flag):
            return self._manual.problem_of_option(item.text)
        if isinstance(item, Sample):
            return self._problem_of_sample(item)
        unknown = rules.unknown_variables(item.text, self._makefile)
        if unknown:
            return f"the Makefile has no {', '.join(unknown)}"
        return None if kind is Kind.EXCLUDED else self._problem_of_command(item, kind)

    def _problem_of_command(self, command: Command, kind: Kind) -> str | None:
        if rules.reaches_beyond(command.text):
            return f"reaches beyond the copy of the tree: {_LIST_IT}"
        if kind is Kind.TESTS:
            return _failed(self._shell.run(command.text, **_ONLY_LOOKED_AT))
        return self._problem_of_form(command) if kind is Kind.FORM else self._problem_of_run(command)

    def _problem_of_form(self, command: Command) -> str | None:
        if Manual.is_ours(command.text):
            return self._manual.problem_of_command(command.text)
        if command.text.startswith("make "):
            return _failed(self._shell.run(command.text, **_ONLY_LOOKED_AT))
        return f"not a command as it stands: write one that runs, or {_LIST_IT}"

    def _problem_of_run(self, command: Command) -> str | None:
        text = rules.in_short_form(command.text)
        variables = {} if text.startswith("make ") else _NOT_FOR_MAKE
        done = self._shell.serve(text) if SERVES.match(text) else self._shell.run(text, **variables)
        varying = command.varying or rules.is_long_proof(command.text)
        return _failed(done) or _differs(command.shown, done, varying=varying)

    def _problem_of_sample(self, sample: Sample) -> str | None:
        if sample.language != "python":
            return samples.problem_of(sample.language, sample.text)
        done = self._shell.run(f"python - <<'END_OF_SAMPLE'\n{sample.text}\nEND_OF_SAMPLE")
        return _failed(done) or _differs(sample.shown, done, varying=False)


def _failed(done: Done) -> str | None:
    if done.code == 0 and _MISSING_EXTRA not in done.output:
        return None
    return f"exit code {done.code}\n{_tail(done.output)}"


def _differs(shown: str | None, done: Done, *, varying: bool) -> str | None:
    found = None if shown is None else difference(shown, done.output, varying=varying)
    return found and f"{found}\nThis was printed:\n{_tail(done.output)}"


def _tail(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-_TAIL_LINES:])
