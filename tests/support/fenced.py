"""Markdown for tests."""

from __future__ import annotations


def fenced(language: str, *lines: str) -> str:
    """Return a fenced block."""
    return "\n".join([f"```{language}", *lines, "```", ""])
