"""Samples of data in the pages: they can be read, and by the reader they are for."""

from __future__ import annotations

import json
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from ridgeline_export import schema
from ridgeline_export.problems import InputError
from ridgeline_server.config import ConfigError, load_settings


def problem_of(language: str, text: str) -> str | None:
    """Return what is wrong with a `toml` or `json` sample; None when nothing is.

    TOML with a table of the schema language is a schema, any other a configuration file of the server.
    """
    try:
        if language == "json":
            json.loads(text)
        else:
            _read_toml(text)
    except (ValueError, InputError, ConfigError) as error:
        return str(error)
    return None


def _read_toml(text: str) -> None:
    raw: dict[str, Any] = tomllib.loads(text)
    if any(isinstance(raw.get(name), dict | list) for name in schema.Schema.model_fields):
        schema.parse(raw, "the schema")
        return
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        load_settings({} if "models" in raw else {"models": Path()}, {}, Path(file.name))
