"""Writes the list of what the image installs, as CycloneDX, and checks it: see `make sbom`.

Exit codes: 0 written, 1 it could not be made or is not what the lock says; nothing is left then.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from support.locks import ROOT, pins
from support.sbom import in_image, sbom_problems


def main(tool: str, target: Path) -> int:
    """Write `target` with cyclonedx-py, the program `tool`; returns the exit code."""
    parts = [pin for pin in pins(ROOT / "deploy/server.lock") if in_image(pin)]
    with tempfile.TemporaryDirectory() as folder:
        # The tool does not look at markers: it would list what other Pythons install.
        lock = Path(folder) / "image.txt"
        lock.write_text("".join(f"{_line(pin.name, pin.version, pin.hashes)}\n" for pin in parts))
        draft = Path(folder) / "sbom.json"
        command = [tool, "requirements", "--pyproject", str(ROOT / "pyproject.toml"), "--sv", "1.6"]
        # Python's warning says that the list has no graph: a lock has none.
        command = [*command, "--output-reproducible", "-o", str(draft), str(lock)]
        done = subprocess.run(command, env={"PYTHONWARNINGS": "ignore"}, check=False)  # noqa: S603  # make's own
        if done.returncode:
            return 1
        content = draft.read_bytes()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    if problems := sbom_problems(json.loads(content), parts, version):
        print("\n  - ".join(["The list is not what deploy/server.lock says:", *problems]), file=sys.stderr)
        return 1
    target.write_bytes(content)
    print(f"{target}: ridgeline {version} and the {len(parts)} packages of the image, with their hashes")
    return 0


def _line(name: str, version: str, hashes: frozenset[str]) -> str:
    return " ".join([f"{name}=={version}", *(f"--hash={each}" for each in sorted(hashes))])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
