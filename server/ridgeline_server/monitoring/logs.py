"""Log lines, for people or for machines. Fields of a line come as `extra={"fields": {...}}`."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal


def configure(level: str, layout: Literal["console", "json"], **fields: object) -> None:
    """Write lines of `level` and above to stderr, each with these fields."""
    handler = logging.StreamHandler()
    handler.addFilter(partial(_add, fields))
    handler.setFormatter(JsonFormatter() if layout == "json" else ConsoleFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler])


class ConsoleFormatter(logging.Formatter):
    """A line for people, its fields as name=value behind the message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # inherited
        """Append the fields."""
        return " ".join([super().formatMessage(record), *(f"{k}={v}" for k, v in _fields(record).items())])


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, fields, exception if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            **_fields(record),
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _add(fields: Mapping[str, object], record: logging.LogRecord) -> bool:
    record.fields = {**fields, **_fields(record)}
    return True


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return fields
