"""Whether a command printed what its page shows.

The words must be the same; white space, line breaks and the lines of tables do not count. These may differ:

- where the page has a line `...`: any number of words;
- hexadecimal numbers of 12 digits or more (digests, ids) and times of day, with their dates: any of the form;
- a figure with a unit of time, speed or memory: any figure with this unit;
- where the command ran in a shorter form, or the page says that its figures vary: any figure.
"""

from __future__ import annotations

import re

_HEX = r"\b[0-9a-f]{12,}\b"
_TIME = r"\b\d{4}-\d\d-\d\d(?=[T ]\d\d:\d\d)|\b\d+:\d\d(?::\d\d)?(?:[.,]\d+)?"
_FIGURE = r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?"
_UNIT = r"(?= ?(?:ns|us|µs|ms|s|min|kB|MB|GB|(?:rows|calls|requests|inputs|messages)/s)\b)"
_DRAWN = re.compile("[\u2500-\u257f]+")
_GAP = "..."


def difference(shown: str, printed: str, *, varying: bool = False) -> str | None:
    """Return the first words of `shown` that were not printed in their place; None when all is as shown."""
    expected = _words(re.sub(r"^\s*\.\.\.\s*$", "\0", shown, flags=re.MULTILINE))
    text = "".join(f"{word} " for word in _words(printed))
    patterns = _patterns(expected, varying=varying)
    if re.fullmatch("".join(patterns), text):
        return None
    reached = next(
        (n for n in range(1, len(patterns) + 1) if not re.match("".join(patterns[:n]), text)), None
    )
    if reached is None:
        return "more was printed than the page shows"
    return f"not printed: {' '.join(expected[max(0, reached - 6) : reached + 4])}".replace("\0", _GAP)


def _words(text: str) -> list[str]:
    return _DRAWN.sub(" ", text).split()


def _patterns(words: list[str], *, varying: bool) -> list[str]:
    """Return for each word the pattern of what may stand in its place, with the space behind it."""
    figure = _FIGURE if varying else _FIGURE + _UNIT
    alike = re.compile(f"({_HEX})|({_TIME})|({figure})")
    pairs = zip(words, [*words[1:], ""], strict=False)
    return [_pattern(word, follower, alike) for word, follower in pairs]


def _pattern(word: str, follower: str, alike: re.Pattern[str]) -> str:
    if word == "\0":
        return r"(?:\S+ )*?"
    pattern, place = "", 0
    for match in alike.finditer(f"{word} {follower}"):
        if match.start() >= len(word):
            break
        pattern += re.escape(word[place : match.start()]) + _any_like(match)
        place = match.end()
    return f"{pattern}{re.escape(word[place:])} "


def _any_like(match: re.Match[str]) -> str:
    if match[1]:
        return f"[0-9a-f]{{{len(match[1])}}}"
    return re.sub(r"\d+", r"\\d+", re.escape(match[2])) if match[2] else _FIGURE
