"""Runs inside the container, fed to its Python on stdin, and prints as JSON what it finds there."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

MODULES = {
    "ensurepip",
    "onnx",
    "pandas",
    "pip",
    "pyarrow",
    "scipy",
    "setuptools",
    "skl2onnx",
    "sklearn",
    "uv",
}
PROGRAMS = {"c++", "cc", "cpp", "curl", "g++", "gcc", "git", "ld", "make", "pip", "pip3", "uv", "wget"}
PYTHON = re.compile(r"(site|dist)-packages|python3[.\d]*")
FOLDERS = (
    "/",
    "/etc",
    "/home",
    "/models",
    "/opt/ridgeline",
    "/root",
    "/run",
    "/tmp",
    "/usr",
    "/var",
    "/var/tmp",
)


def _unwanted() -> Iterator[str]:
    """Every module and program that should not be there, wherever it lies."""
    for folder, folders, files in os.walk("/"):
        if folder == "/":
            folders[:] = [name for name in folders if name not in ("dev", "proc", "sys")]
        here = Path(folder)
        if PYTHON.fullmatch(here.name):
            yield from (str(here / name) for name in MODULES.intersection(folders))
        if here.name in ("bin", "sbin"):
            yield from (str(here / name) for name in PROGRAMS.intersection(files))


def _writable(folder: str) -> bool:
    try:
        Path(folder, "written").touch()
    except OSError:
        return False
    return True


def _status(field: str) -> str:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{field}:"))


print(
    json.dumps(
        {
            "user": f"{os.getuid()}:{os.getgid()}",
            "capabilities": int(_status("CapEff"), 16),
            "read_only_root": bool(os.statvfs("/").f_flag & os.ST_RDONLY),
            "writable": [folder for folder in FOLDERS if _writable(folder)],
            "unwanted": sorted(_unwanted()),
            "python": platform.python_version(),
            "system": platform.freedesktop_os_release()["PRETTY_NAME"],
            "packages": {d.name: d.version for d in importlib.metadata.distributions()},
        }
    )
)
