"""Keys and signed versions, made anew in each run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ridgeline_export.signing import make_keys, sign


@dataclass(frozen=True)
class Keys:
    """The files of one key pair, and its id."""

    private: Path
    public: Path
    id: str


def new_keys(directory: Path, name: str = "signing") -> Keys:
    """Make a key pair in `directory`."""
    private = directory / f"{name}.pem"
    return Keys(private, *make_keys(private))


def signed_models(models: Path, directory: Path, keys: Keys) -> Path:
    """Copy a models directory of the small model and sign its version; returns the copy."""
    copy = Path(shutil.copytree(models, directory))
    sign(copy / "toys" / "1", keys.private)
    return copy


def secret_of(keys: Keys) -> str:
    """The part of a private key's file that nobody may ever see."""
    return keys.private.read_text().splitlines()[1]
