"""Every wheel carries every command; one whose extra is not installed says so."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("package", "lacking", "message"),
    [
        ("ridgeline_client", "typer", 'pip install "ridgeline[cli]"'),
        ("ridgeline_export", "typer", "install ridgeline with the extra `export`"),
        ("ridgeline_server", "pydantic", "install ridgeline with the extra `server`"),
    ],
)
def test_a_command_without_its_extra_says_what_to_install(package: str, lacking: str, message: str) -> None:
    code = (
        f"import sys; sys.modules[{lacking!r}] = None; from {package}.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert lacking in done.stderr
    assert "Traceback" not in done.stderr
