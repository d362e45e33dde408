"""Text that the contract can carry: valid Unicode. A lone surrogate, such as a file name may hold, is not."""

from __future__ import annotations


def is_unicode(text: str) -> bool:
    """True when the text can be sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    r"""Return the text with `\udcff` spelt out where a character is none."""
    return text.encode(errors="backslashreplace").decode()


def check(name: str, value: object) -> None:
    """Raise TypeError when an argument is no text, ValueError when it cannot be sent."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, got {type(value).__name__} {value!r}")
    if not is_unicode(value):
        raise ValueError(f"{name} is no valid Unicode text: {value!r}")
