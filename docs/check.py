"""Runs every command and sample of the pages in a copy of the tree: `make docs-check PAGES=README.md`.

Each page has its own copy with TechMart's model, a shell that goes on from command to command, and a server
on free ports, which replace those of the page. A command must end with exit code 0 and print what the page
shows of its output (`support.pages.output` says what may differ). `make`'s long proofs run in a short form,
with few rows and rounds. What is said in passing (with a placeholder, or one of our commands in a sentence)
is held against `--help` and `make --dry-run`. `support.pages.rules` lists what is left to the tests and what
is left out, with reasons; an entry for which no page has a command is a failure.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from support.pages import rules, tree
from support.pages.blocks import Command, Flag, Item, PageError, Sample, items
from support.pages.manual import Manual
from support.pages.shell import Shell
from support.pages.trial import Kind, Trial, Verdict, without_repetitions

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "docs/**/*.md", "examples/*/README.md")


def main() -> int:
    """Check the pages and print; returns 1 when something is wrong."""
    parser = argparse.ArgumentParser(description="Run every command and sample of the pages.")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="such as docs/scoring.md; without any, all")
    chosen = parser.parse_args().pages
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and folders are cleared away
    began = time.monotonic()
    try:
        pages = _read()
        unknown = [name for name in chosen if name not in pages]
        if unknown:
            parser.error(f"no page {', '.join(unknown)}; there are {', '.join(pages)}")
        verdicts = list(_verdicts(pages, chosen or list(pages)))
    except (PageError, tree.NotReady) as error:
        print(error, file=sys.stderr)
        return 1
    stale = rules.unused(command.text for command in _commands(pages.values()))
    _summarise(verdicts, stale)
    failures = len(stale) + sum(verdict.failure is not None for verdict in verdicts)
    print(f"\n{failures or 'no'} failures, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


def _read() -> dict[str, list[Item]]:
    """What each page holds, by its name; raises PageError with the problems of all."""
    pages, problems = {}, []
    for path in sorted({path for pattern in PAGES for path in ROOT.glob(pattern)}):
        name = str(path.relative_to(ROOT))
        try:
            pages[name] = items(name, path.read_text(encoding="utf-8"))
        except PageError as error:
            problems.append(str(error))
    if problems:
        raise PageError("\n".join(problems))
    return pages


def _commands(pages: Iterable[Iterable[Item]]) -> list[Command]:
    return [item for page in pages for item in page if isinstance(item, Command)]


def _verdicts(pages: Mapping[str, list[Item]], chosen: Sequence[str]) -> Iterator[Verdict]:
    print("Copying the tree and making the default model", flush=True)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    with tree.prepared(ROOT) as base:
        with Shell(base) as shell:
            manual = Manual(_commands(pages.values()), shell.run)
        for name, found in without_repetitions({name: pages[name] for name in chosen}).items():
            if not found:
                continue
            print(f"\n{name}", flush=True)
            with tree.copied(base) as folder, Shell(folder) as shell:
                for verdict in Trial(shell, manual, makefile).verdicts(found):
                    _show(verdict)
                    yield verdict


def _show(verdict: Verdict) -> None:
    item = verdict.item
    if isinstance(item, Flag) and verdict.failure is None:
        return
    what = f"a sample of {item.language}" if isinstance(item, Sample) else " ".join(item.text.split())
    kind = "FAILED" if verdict.failure else verdict.kind.value
    print(f"  {item.line:4}  {kind:8} {verdict.seconds:5.1f} s  {what}", flush=True)
    for line in (verdict.failure or "").splitlines():
        print(f"        | {line}", flush=True)


def _summarise(verdicts: Iterable[Verdict], stale: Iterable[str]) -> None:
    by_page: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        counts = by_page.setdefault(verdict.item.page, Counter())
        counts[verdict.kind.value] += 1
        counts["FAILED"] += verdict.failure is not None
    columns = [*(kind.value for kind in Kind), "FAILED"]
    print(f"\n{'page':44}" + "".join(f"{column:>10}" for column in columns))
    for page, counts in by_page.items():
        print(f"{page:44}" + "".join(f"{counts[column]:10}" for column in columns))
    print("\nLeft to the tests, or left out")
    for rule in (*rules.LEFT_TO_TESTS, *rules.EXCLUDED):
        done = "" if rule.holds else "; they are here, so it was run"
        print(f"  {', '.join(rule.starts)}: {rule.reason}{done}")
    for start in stale:
        print(f"FAILED: no page has a command that begins with {start!r}: take it out of the list")


if __name__ == "__main__":
    sys.exit(main())
