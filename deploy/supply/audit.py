"""Asks about known vulnerabilities of every package of every lock file: see `make audit`.

Exit codes: 0 none is known, 1 there are some, 2 it could not ask about all packages.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from support.audit import rounds, verdict
from support.locks import every_lock, pins

_PATIENCE_S = 300


def main(tool: str) -> int:
    """Ask with pip-audit, the program `tool`; returns the exit code."""
    asked = rounds(pin for lock in every_lock() for pin in pins(lock))
    code, told = verdict([_ask(tool, each) for each in asked], asked)
    print("\n".join(told), file=sys.stderr if code else sys.stdout)
    return code


def _ask(tool: str, versions: dict[str, str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        wanted, answer = Path(folder) / "wanted.txt", Path(folder) / "answer.json"
        wanted.write_text("".join(f"{name}=={version}\n" for name, version in versions.items()))
        command = [tool, "--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]
        try:
            # Its exit code is the same for a vulnerability and for no network: the answer says which.
            done = subprocess.run(  # noqa: S603  # make's own
                [*command, f"--output={answer}", f"--requirement={wanted}"],
                check=False, capture_output=True, text=True, timeout=_PATIENCE_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            print(f"pip-audit gave no answer in {_PATIENCE_S} s", file=sys.stderr)
            return ""
        if not answer.exists():
            print(f"pip-audit: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            return ""
        return answer.read_text()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
