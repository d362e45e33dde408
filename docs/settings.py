"""Writes docs/configuration.md from the settings model: `python docs/settings.py > docs/configuration.md`."""

from __future__ import annotations

from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ridgeline_server.config import ENV_PREFIX, Settings

_HEAD = f"""# Configuration

Every setting of `ridgeline-server serve`, made from the settings model (`make docs`). A setting has one name
everywhere: `max_rows` in a TOML file, `{ENV_PREFIX}MAX_ROWS` in the environment, `--max-rows` as a flag. The
first that says something wins: flags, environment, the file of `--config`, the default. Wrong ones are all
told at once, each with the place it came from; names that are no settings are refused.

```toml
# server.toml: ridgeline-server serve --config server.toml
models = "/srv/models"
address = "0.0.0.0:50051"
tls_certificate = "/etc/ridgeline/server.pem"
tls_key = "/etc/ridgeline/server-key.pem"
drain_delay_s = 10
```

Times are in seconds, sizes in bytes.

| setting | default | limits | what |
|---|---|---|---|"""


def page() -> str:
    """Return the page."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return "\n".join([_HEAD, *rows, ""])


def _row(name: str, field: FieldInfo) -> str:
    needed = field.default is PydanticUndefined
    default = "needed" if needed else f"`{_text(field.default)}`"
    return f"| `{name}` | {default} | {_limits(field)} | {field.description} |"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) if value != "" else '""'


def _limits(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    signs = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    said = [
        f"{signs[kind]} {getattr(part, kind):,}"
        for part in field.metadata
        for kind in signs
        if getattr(part, kind, None) is not None
    ]
    return ", ".join(said)


if __name__ == "__main__":
    print(page(), end="")
