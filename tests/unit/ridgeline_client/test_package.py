from __future__ import annotations

import builtins
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import ridgeline_client
from ridgeline_client import __main__, errors

HEAVY = ("pandas", "pyarrow", "pydantic", "rich", "typer", "onnxruntime", "sklearn", "scipy")


def test_public_names_are_there_and_every_error_is_public() -> None:
    assert sorted(ridgeline_client.__all__) == ridgeline_client.__all__
    assert all(hasattr(ridgeline_client, name) for name in ridgeline_client.__all__)
    error_names = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.RidgelineError)
    }
    assert error_names <= set(ridgeline_client.__all__)


def test_importing_the_library_imports_nothing_beyond_its_extra() -> None:
    script = f"import sys, ridgeline_client; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def without(package: str) -> Callable[..., Any]:
    real = builtins.__import__

    def importing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == package or name == "ridgeline_client.cli.app":
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return real(name, *args, **kwargs)

    return importing


def test_the_command_without_its_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(builtins, "__import__", without("typer"))
    with pytest.raises(SystemExit) as caught:
        __main__.main()
    assert caught.value.code == 1
    assert 'pip install "ridgeline[cli]"' in capsys.readouterr().err


def test_another_missing_module_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtins, "__import__", without("something_else"))
    with pytest.raises(ModuleNotFoundError, match="something_else"):
        __main__.main()
