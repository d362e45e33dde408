"""Publishes a version directory: complete and on disk, or not at all; never rewritten."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from ridgeline.artifact import MANIFEST_FILE, version_directories
from ridgeline_export.problems import InputError

DIRECTORY_MODE = 0o755
FILE_MODE = 0o644


def check_directory(path: Path) -> None:
    """Check, before any work, that no file is in the way of a directory that is to be written.

    Raises:
        InputError: `path` or something above it is there and is no directory.
    """
    nearest = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not nearest.is_dir():
        raise InputError(str(path), [f"{nearest} is no directory; name another with --out, or move it away"])


def publish(model: Path, files: Mapping[str, bytes], manifest: Callable[[int], bytes]) -> Path:
    """Write `files` and the manifest as the next free version of the directory `model`; returns its path.

    `manifest(version)` returns the bytes of manifest.json. The directory appears by rename when everything
    is on disk. When two exporters meet, the later one takes the next number.

    Raises:
        OSError: the directory cannot be written; nothing of the version remains.
    """
    model.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=model))
    try:
        for name, content in files.items():
            _write(draft / name, content)
        draft.chmod(DIRECTORY_MODE)
        return _appear(model, draft, manifest)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _appear(model: Path, draft: Path, manifest: Callable[[int], bytes]) -> Path:
    while True:
        version = max(version_directories(model), default=0) + 1
        _write(draft / MANIFEST_FILE, manifest(version))
        _sync_directory(draft)
        target = model / str(version)
        try:
            draft.rename(target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                continue
            raise
        _sync_directory(model)
        return target


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(FILE_MODE)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
