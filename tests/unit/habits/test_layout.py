from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
IMPORT_ROOTS = ("proto", "server", "client", "model_export")
PACKAGES = ("ridgeline", "ridgeline_client", "ridgeline_export", "ridgeline_server")


def _modules() -> list[str]:
    names = list(PACKAGES)
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        names += [module.name for module in pkgutil.walk_packages(path, prefix=f"{package}.")]
    return names


@pytest.mark.parametrize("folder", [*IMPORT_ROOTS, "loadtests", "tests", "."])
def test_no_top_folder_is_a_package(folder: str) -> None:
    """An importable `proto` would shadow proto-plus for everyone who installs the wheel."""
    assert not (ROOT / folder / "__init__.py").exists()


def test_tests_are_not_packages() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize("name", _modules())
def test_every_module_imports_and_has_what_it_promises(name: str) -> None:
    module = importlib.import_module(name)
    promised = getattr(module, "__all__", [])
    assert len(set(promised)) == len(promised)
    assert [attribute for attribute in promised if not hasattr(module, attribute)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed(package: str) -> None:
    (path,) = importlib.import_module(package).__path__
    assert (Path(path) / "py.typed").is_file()


@pytest.mark.parametrize("file", ["LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_the_files_a_newcomer_looks_for_have_content(file: str) -> None:
    assert (ROOT / file).read_text(encoding="utf-8").strip()
