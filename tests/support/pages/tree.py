"""A copy of the tree that the commands of a page may change as they like."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from pathspec import GitIgnoreSpec

_NOT_PASSED_ON = ("RIDGELINE_", "OTEL_", "MAKE", "PYTHON", "PYTEST", "MFLAGS", "MODELS", "TARGET")


class NotReady(Exception):
    """The tree cannot be copied in a state in which commands work; the text says why."""


@contextmanager
def prepared(root: Path) -> Iterator[Path]:
    """Make a copy of what git does not ignore, with the default model; raises NotReady."""
    with tempfile.TemporaryDirectory(prefix="ridgeline-docs-") as scratch:
        base = Path(scratch) / "base"
        _copy(root, base)
        _link_environments(root, base)
        (Path(scratch) / ".curlrc").write_text("fail\nsilent\nshow-error\n")
        done = _make(base, "default-model")
        if done.returncode:
            raise NotReady(f"make default-model: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        _write_stand_ins(base)
        yield base


@contextmanager
def copied(base: Path) -> Iterator[Path]:
    """A copy of the prepared tree for one page."""
    folder = base.with_name("page")
    shutil.copytree(base, folder, symlinks=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def environment(folder: Path) -> dict[str, str]:
    """Environment of commands in a copy: the caller's, without what would steer make, Python or Ridgeline."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["dev-mode-dirs"]
    return own | {
        "PATH": f"{folder / '.venv/bin'}:{own['PATH']}",
        "PYTHONPATH": ":".join(str(folder / name) for name in packages),  # else the real tree's code runs
        "CURL_HOME": str(folder.parent),
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }


def _copy(root: Path, base: Path) -> None:
    ignored = GitIgnoreSpec.from_lines((root / ".gitignore").read_text(encoding="utf-8").splitlines())

    def left_out(folder: str, names: list[str]) -> set[str]:
        here = Path(folder)
        paths = {name: (here / name).relative_to(root) for name in names}
        kinds = {name: "/" if (here / name).is_dir() else "" for name in names}
        return {name for name in names if name == ".git" or ignored.match_file(f"{paths[name]}{kinds[name]}")}

    shutil.copytree(root, base, ignore=left_out, symlinks=True)
    shutil.copytree(root / ".build/googleapis", base / ".build/googleapis")


def _link_environments(root: Path, base: Path) -> None:
    """Link the virtual environments in which make has nothing to do; it makes the others in the copy."""
    for mark in (root / ".venv/.installed", *root.glob(".build/*/.installed")):
        link = base / mark.parent.relative_to(root)
        link.symlink_to(mark.parent)
        if _make(base, "--question", str(mark.relative_to(root))).returncode:
            link.unlink()


def _make(base: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=base, env=environment(base), capture_output=True, text=True, check=False
    )


def _write_stand_ins(base: Path) -> None:
    """Write the files that pages name where readers have their own."""
    table = base / "data/techmart/production_simulation.csv"
    shutil.copy(table, base / "products.csv")
    (base / "products.csv.gz").write_bytes(gzip.compress(table.read_bytes()))
    pd.read_csv(table, keep_default_na=False, na_values=[""]).to_parquet(base / "products.parquet")
