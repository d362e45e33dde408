"""What the guide pages list is what the code has."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ridgeline.notices import NoticeKind
from ridgeline.reasons import Reason
from ridgeline_client.score.columns import RESULT_COLUMNS

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md"), *ROOT.glob("examples/*/README.md")])


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def first_cells(text: str) -> list[str]:
    return re.findall(r"^\| ([A-Z_]+) \|", text, re.MULTILINE)


def test_every_reason_is_explained_once() -> None:
    assert sorted(first_cells(page("errors.md"))) == sorted(reason.value for reason in Reason)


def test_the_scoring_page_has_the_columns_and_the_bits() -> None:
    text = page("scoring.md")
    named = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(named)) == list(RESULT_COLUMNS)
    flags = next(line for line in text.splitlines() if line.startswith("| `flags`"))
    bits = {kind: int(bit) for bit, kind in re.findall(r"(\d+) ([A-Z_]+)", flags)}
    assert bits == {kind.name: kind.bit for kind in NoticeKind if kind.name in bits}
    assert len(bits) == 8


def test_the_configuration_page_is_that_of_the_settings() -> None:
    """`make docs` writes it."""
    made = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "settings.py")], capture_output=True, text=True, check=True
    )
    assert page("configuration.md") == made.stdout


def anchors(path: Path) -> set[str]:
    """The names by which links reach the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#: ]*)#?([^): ]*)\)", path.read_text(encoding="utf-8")):
        page = path.parent / target if target else path
        assert page.exists(), target
        assert not anchor or anchor in anchors(page), f"{target}#{anchor}"


def test_every_guide_page_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [path.name for path in ROOT.glob("docs/*.md") if f"docs/{path.name}" not in readme]
    assert not missing
