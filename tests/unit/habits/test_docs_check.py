"""What `make docs-check` does with the commands of the pages, and what makes it fail."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from support.fenced import fenced
from support.pages import rules
from support.pages.blocks import Command, Flag, Item, Sample, items
from support.pages.manual import Manual
from support.pages.shell import Done, Shell
from support.pages.trial import Kind, Trial, kind_of, without_repetitions

ROOT = Path(__file__).parents[3]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
NO_COMMAND = "not a command as it stands: write one that runs, or list it in tests/support/pages/rules.py"
HELP = "Usage: ridgeline score\n  --id COLUMN  --keep-columns, --no-keep-columns  --timeout SECONDS"


class Scripted(Shell):
    """A shell in which every command ends as told."""

    def __init__(self, code: int = 0, output: str = "") -> None:
        self.done, self.stopped_with = Done(code, output), 0
        self.ran: list[str] = []
        self.served: list[str] = []

    def run(self, command: str, **variables: str) -> Done:
        self.ran.append(command)
        return self.done

    def serve(self, command: str) -> Done:
        self.served.append(command)
        return Done(0, "serving on 127.0.0.1:50051")

    def stop(self) -> Done:
        return Done(self.stopped_with, "")


def manual(text: str) -> Manual:
    found = [item for item in items("page.md", text) if isinstance(item, Command)]
    return Manual(found, lambda command: Done(0 if command == "ridgeline score --help" else 2, HELP))


def failures(text: str, scripted: Shell) -> list[str | None]:
    trial = Trial(scripted, manual(text), MAKEFILE)
    return [verdict.failure for verdict in trial.verdicts(items("page.md", text))]


def failure(text: str, scripted: Shell | None = None) -> str | None:
    (found,) = failures(text, scripted or Scripted())
    return found


def test_what_the_prose_says_again_is_tried_once() -> None:
    pages = {
        "a.md": items("a.md", "`make help` `make docs` `make docs`"),
        "b.md": items("b.md", "`make docs`\n" + fenced("sh", "make help", "make help")),
    }
    kept = without_repetitions(pages)
    assert {name: [item.text for item in found] for name, found in kept.items()} == {
        "a.md": ["make docs"],
        "b.md": ["make help", "make help"],
    }


def test_a_long_proof_is_run_once_in_each_form_and_wherever_output_is_shown() -> None:
    said = "`make drains DRAINS=9`\n" + fenced("sh", "make drains", "make drains DRAINS=5", "make drains A=1")
    shown = fenced("console", "$ make drains", "2 drains")
    kept = without_repetitions({"a.md": items("a.md", said), "b.md": items("b.md", shown)})
    assert [item.text for found in kept.values() for item in found] == [
        "make drains",
        "make drains A=1",
        "make drains",
    ]


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (Command("p", 1, "ridgeline score a b"), Kind.RUN),
        (Command("p", 1, "ridgeline score a b", inline=True), Kind.FORM),
        (Command("p", 1, "make serve PORT=1", inline=True), Kind.FORM),
        (Command("p", 1, "make drains", inline=True), Kind.RUN),
        (Command("p", 1, "curl HOST:PORT", inline=True), Kind.FORM),
        (Command("p", 1, "make test"), Kind.TESTS),
        (Command("p", 1, "make test-of-mine"), Kind.RUN),
        (Command("p", 1, ".venv/bin/pytest tests/unit -x"), Kind.TESTS),
        (Command("p", 1, "docker run image"), Kind.EXCLUDED),
        (Sample("p", 1, "python", "1"), Kind.RUN),
        (Flag("p", 1, "--json"), Kind.FORM),
    ],
)
def test_what_is_done_with_an_item(item: Item, kind: Kind) -> None:
    assert kind_of(item) is kind


def test_a_command_that_fails_is_told_with_its_exit_code_and_the_end_of_its_output() -> None:
    lines = [f"line {n}" for n in range(30)]
    said = failure(fenced("sh", "ridgeline score a b"), Scripted(2, "\n".join(lines)))
    assert said is not None
    assert said.splitlines() == ["exit code 2", *lines[10:]]


def test_a_command_that_prints_something_else_is_told_with_what_it_printed() -> None:
    said = failure(fenced("console", "$ ridgeline score a b", "500 rows"), Scripted(0, "499 rows"))
    assert said == "not printed: 500 rows\nThis was printed:\n499 rows"


def test_pip_that_knows_no_such_extra_is_a_failure() -> None:
    said = failure(
        fenced("sh", "pip install '.[x]'"), Scripted(0, "WARNING: a does not provide the extra 'x'")
    )
    assert said is not None


def test_a_server_that_ends_otherwise_than_told_is_a_failure_of_its_page() -> None:
    scripted = Scripted()
    scripted.stopped_with = 3
    assert failures(fenced("sh", "ridgeline-server serve --models m", "ridgeline score a b"), scripted) == [
        None,
        "exit code 3\n",
    ]
    assert scripted.served == ["ridgeline-server serve --models models", "ridgeline-server serve --models m"]
    assert scripted.ran == ["ridgeline score a b"]


def test_long_proofs_run_in_their_short_form_with_any_figures() -> None:
    scripted = Scripted(0, "2 drains under load")
    assert failure(fenced("console", "$ make drains DRAINS=500", "500 drains under load"), scripted) is None
    assert scripted.ran == ["make drains DRAINS=2"]


def test_figures_of_other_commands_of_make_count() -> None:
    assert failure(fenced("console", "$ make docs", "3 pages"), Scripted(0, "2 pages")) is not None


@pytest.mark.parametrize("target", rules.SHORT_FORMS)
def test_a_short_form_is_one_of_the_makefile(target: str) -> None:
    assert re.search(rf"^{target}: .*## ", MAKEFILE, re.MULTILINE)
    assert rules.unknown_variables(rules.in_short_form(f"make {target}"), MAKEFILE) == []


def test_a_short_form_replaces_variables_of_several_words() -> None:
    short = shlex.split(rules.in_short_form('make bench FLAGS="--check --slowed" ROUNDS=9 MODELS="a b"'))
    assert short[:3] == ["make", "bench", "MODELS=a b"]
    assert {"ROUNDS=1", "FLAGS=--json"} <= set(short)


@pytest.mark.parametrize(
    ("prose", "said"),
    [
        ("`ridgeline score IN OUT --id COLUMN`", None),
        ("`ridgeline score IN OUT --idd COLUMN`", "ridgeline score has no --idd"),
        ("`ridgeline scores IN OUT`", "there is no command ridgeline scores"),
        ("`curl HOST:PORT`", NO_COMMAND),
        ("`make drains DRANIS=5`", "the Makefile has no DRANIS"),
    ],
)
def test_what_is_said_in_passing_must_have_the_form_of_a_command(prose: str, said: str | None) -> None:
    assert failure(prose) == said


@pytest.mark.parametrize(
    "command",
    ["kubectl apply -f x.yaml", "make help && sudo rm x", "curl https://example.com", "true | docker load"],
)
def test_a_command_that_reaches_beyond_the_copy_is_not_run(command: str) -> None:
    scripted = Scripted()
    said = failure(fenced("sh", command), scripted)
    assert said == "reaches beyond the copy of the tree: list it in tests/support/pages/rules.py"
    assert scripted.ran == []


def test_an_option_that_a_page_names_must_be_one_of_a_command() -> None:
    found = failures("`ridgeline score` `--timeout 5` `--no-keep-columns` `--keep`", Scripted())
    assert found == [None, None, None, "no command of the pages has --keep"]


def test_an_entry_of_the_lists_that_no_command_needs_is_named() -> None:
    starts = [start for rule in (*rules.LEFT_TO_TESTS, *rules.EXCLUDED) for start in rule.starts]
    assert rules.unused(starts) == []
    assert rules.unused(start for start in starts if start != "docker") == ["docker"]


def test_what_needs_a_program_is_left_out_where_it_is_missing() -> None:
    here = rules.Rule("needs a shell", ("make help",), unless=("sh",))
    missing = rules.Rule("needs more", ("make help",), unless=("sh", "no-such-program"))
    assert rules.rule_for("make help", [here]) is None
    assert rules.rule_for("make help", [here, missing]) is missing
