"""How a log line is written."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridgeline_server.monitoring.logs import ConsoleFormatter, JsonFormatter


def line(message: str, *arguments: object, **more: Any) -> logging.LogRecord:
    record = logging.LogRecord(
        "ridgeline.x", logging.WARNING, "x.py", 1, message, arguments, more.get("exc_info")
    )
    if "fields" in more:
        record.fields = more["fields"]
    return record


def test_a_console_line_has_its_fields_behind_the_message() -> None:
    text = ConsoleFormatter().format(line("slow %s", "call", fields={"rows": 3, "code": "OK"}))
    assert text.endswith(" WARNING ridgeline.x: slow call rows=3 code=OK")


def test_a_console_line_without_fields_is_its_message() -> None:
    assert ConsoleFormatter().format(line("draining")).endswith(" WARNING ridgeline.x: draining")


@given(st.text(), st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.none())))
def test_a_json_line_is_one_line_and_says_the_same(message: str, fields: dict[str, Any]) -> None:
    text = JsonFormatter().format(line("%s", message, fields=fields))
    assert text.splitlines() == [text]
    own = {"level": "WARNING", "logger": "ridgeline.x", "message": message}
    got = json.loads(text)
    assert datetime.fromisoformat(got.pop("time")).tzinfo is not None
    assert got == {**{k: v for k, v in fields.items() if k != "time"}, **own}


def test_a_traceback_is_part_of_the_one_json_line() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        text = JsonFormatter().format(line("failed", exc_info=sys.exc_info()))
    assert "\n" not in text
    assert "ValueError: first\nsecond" in json.loads(text)["exception"]


@pytest.mark.parametrize("value", [object(), {1}, b"x"])
def test_a_field_of_any_kind_can_be_written(value: object) -> None:
    assert json.loads(JsonFormatter().format(line("x", fields={"f": value})))["f"] == str(value)
