"""`ridgeline-server healthcheck` before it asks anybody: its settings, its imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ridgeline_server.config import Settings
from ridgeline_server.transport.healthcheck import Unhealthy, require_serving

HEAVY = {"numpy", "onnxruntime", "prometheus_client"}


def _run(arguments: list[str], **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ridgeline_server", "healthcheck", *arguments]
    environment = {f"RIDGELINE_SERVER_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def test_it_imports_no_model_runtime() -> None:
    code = f"""
import sys
from ridgeline_server.command import main
main(["healthcheck", "--address", "localhost:0"])
print(*{HEAVY!r} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "\n"


def test_a_free_port_cannot_be_asked() -> None:
    with pytest.raises(Unhealthy, match="127.0.0.1:0 stands for a free port"):
        require_serving(Settings(models=Path(), address="127.0.0.1:0"))


def test_wrong_settings_are_told_and_fail_with_1() -> None:
    done = _run([], address="nowhere", max_rows="many")
    assert done.returncode == 1
    assert "RIDGELINE_SERVER_ADDRESS is 'nowhere'" in done.stderr
    assert "RIDGELINE_SERVER_MAX_ROWS is 'many'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["serve", "--models", "."], ["healthcheck"]])
def test_without_grpc_the_message_says_what_to_install(arguments: list[str]) -> None:
    code = f"import sys; sys.modules['grpc'] = None; sys.argv[1:] = {arguments!r}; "
    code += "from ridgeline_server.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "needs grpc: install ridgeline with the extra `server`" in done.stderr
    assert "Traceback" not in done.stderr
