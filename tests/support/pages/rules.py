"""Which commands of the pages are not run as they stand, and why."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SHORT_FORMS: Mapping[str, Mapping[str, object]] = {
    "score-parts": {"ROWS": 20_000, "ROUNDS": 1},
    "drains": {"DRAINS": 2},
    "loadtest": {"SHAPE": "step", "USERS": 2, "SECONDS": 4},
    "openloop": {"RATE": 50, "SECONDS": 2},
    "callers": {"CALLERS": 2, "SECONDS": 1},
    "neighbours": {"ROUNDS": 1, "SECONDS": 1},
    "bench": {"ONLY": "unary", "ROUNDS": 1, "SECONDS": 0.2, "FLAGS": "--json"},
    "startup": {"STARTS": 1, "CALLS": 50},
    "stream-rate": {"ROWS": 20_000, "ROUNDS": 1},
}
"""Variables with which `make`'s long proofs run here, whatever the page says."""


@dataclass(frozen=True)
class Rule:
    """Commands that are not run.

    Attributes:
        reason: why.
        starts: the words they begin with, an entry each; every entry must be of use.
        unless: programs with which they are run after all, when all of them are here.
    """

    reason: str
    starts: tuple[str, ...]
    unless: tuple[str, ...] = ()

    def covers(self, command: str) -> bool:
        """Whether the rule is about this command."""
        return any(_begins(command, start) for start in self.starts)

    @property
    def holds(self) -> bool:
        """Whether the commands are left out on this machine."""
        return not (self.unless and all(shutil.which(program) for program in self.unless))


LEFT_TO_TESTS = (
    Rule(
        ".ci/run runs them; this check is one of its steps",
        (".ci/run", "make test", "make check", "make docs-check", "make fuzz", "make compat", "make sbom"),
    ),
    Rule("parts of make check", ("make check-imports", "make check-proto", "make check-breaking")),
    Rule("parts of make test", ("make score-matrix", "make fuzz-wire", "pytest")),
    Rule(
        "minutes; tests/e2e/test_chaos.py and test_soak.py are their short forms", ("make chaos", "make soak")
    ),
    Rule("a page in a browser; tests/integration/test_locust.py runs Locust without", ("make locust",)),
    Rule(".ci/run runs it where node and npm are", ("make node-check",)),
)
"""Only looked at: make says what it would do, pytest collects."""

EXCLUDED = (
    Rule("needs Docker; make image-test proves the image", ("docker", "make image")),
    Rule("needs root on Debian, its archive and minutes", ("make image-test", "apt-get install podman")),
    Rule("what it writes depends on the day; a test holds the lock files to pyproject.toml", ("make lock",)),
    Rule("plugins for other languages, from their own registries", ("go install", "npm install")),
    Rule(
        "needs plugins for Go, Java and TypeScript",
        ("buf generate",),
        unless=("protoc-gen-go", "protoc-gen-go-grpc", "protoc", "protoc-gen-grpc-java", "protoc-gen-es"),
    ),
    Rule("needs the public index, which not every network reaches", ("make audit",)),
    Rule(
        "needs HAProxy, root and a certificate; make proxy-test calls through it",
        ("EDGE_ADDRESS=0.0.0.0:443", "apt-get install haproxy"),
    ),
    Rule(".ci/run runs it where HAProxy is", ("make proxy-test",)),
    Rule("needs OpenSSL", ("openssl",), unless=("openssl",)),
    Rule("needs curl", ("curl",), unless=("curl",)),
    Rule("needs node and npm", ("cd examples/node && npm", "node"), unless=("node", "npm")),
)
"""Not even that."""


_BEYOND = re.compile(
    r"(?:^|[;&|(])\s*(?:apt|apt-get|docker|git|helm|kubectl|podman|service|ssh|sudo|systemctl)\s"
    r"|(?:curl|wget)\s.*://(?!localhost|127\.)"
)


def reaches_beyond(command: str) -> bool:
    """Whether a command would change or ask more than the copy and this machine's loopback."""
    return _BEYOND.search(command) is not None


def rule_for(command: str, rules: Iterable[Rule]) -> Rule | None:
    """Return the first rule that covers the command and holds here."""
    return next((rule for rule in rules if rule.covers(command) and rule.holds), None)


def unused(commands: Iterable[str]) -> list[str]:
    """Return the entries of both lists with which none of the commands begins."""
    known = list(commands)
    starts = [start for rule in (*LEFT_TO_TESTS, *EXCLUDED) for start in rule.starts]
    return [start for start in starts if not any(_begins(command, start) for command in known)]


def _begins(command: str, start: str) -> bool:
    return f"{command.removeprefix('.venv/bin/')} ".startswith(f"{start} ")


def is_long_proof(command: str) -> bool:
    """Whether the command has a short form."""
    return command.startswith("make ") and command.split()[1] in SHORT_FORMS


def in_short_form(command: str) -> str:
    """Return a long proof with the variables of its short form in the place of its own; others unchanged."""
    if not is_long_proof(command):
        return command
    form = SHORT_FORMS[command.split()[1]]
    words = [word for word in shlex.split(command) if word.partition("=")[0] not in form]
    return shlex.join([*words, *(f"{name}={value}" for name, value in form.items())])


def unknown_variables(command: str, makefile: str) -> list[str]:
    """Variables given to `make` that the Makefile does not read; make itself would say nothing."""
    words = shlex.split(command) if command.startswith("make ") else []
    names = [
        name for name, sign, _ in (word.partition("=") for word in words) if sign and name.isidentifier()
    ]
    return [name for name in names if f"$({name})" not in makefile]
