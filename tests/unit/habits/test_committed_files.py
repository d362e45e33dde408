from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pathspec import GitIgnoreSpec

ROOT = Path(__file__).parents[3]

# Written in pieces, so that this file does not contain what it looks for.
FORBIDDEN = {
    "the host of a package registry": r"python" + r"hosted\.org|pypi\." + r"org|npm" + r"js\.(com|org)",
    "a path of one machine": r"/(root|" + r"home/\w+|Users/\w+)/",
    "a resolved address in a lock file": r'"resolved"' + r":",
    "a private key": r"BEGIN ([A-Z]+ )?PRIVATE" + r" KEY",
}


def _files() -> Iterator[Path]:
    """Everything git tracks or would track, found without git: an unpacked archive is checked too."""
    ignored = GitIgnoreSpec.from_lines((ROOT / ".gitignore").read_text(encoding="utf-8").splitlines())
    for folder, folders, files in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        folders[:] = [
            name for name in folders if name != ".git" and not ignored.match_file(f"{here / name}/")
        ]
        yield from (ROOT / here / name for name in files if not ignored.match_file(here / name))


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_committed_file_contains(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what].encode())
    files = list(_files())
    assert ROOT / "pyproject.toml" in files
    found = [str(path.relative_to(ROOT)) for path in files if pattern.search(path.read_bytes())]
    assert found == []
