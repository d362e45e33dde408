"""What `make docs-check` lets differ between what a page shows and what is printed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.pages.output import difference


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("Price  289.58 USD", "Price           289.58 USD   \n"),
        ("a long\nline", "a long line"),
        ("part  amount\n──────\nweight  1", "part   amount\n━━━━━━━━━━━━\n│ weight │ 1 │"),
        ("digest be1a07a21cba)", "digest 8eb2d7c58e16)"),
        ("after 0.05 s, 12 MB", "after 1.2 s, 9,000 MB"),
        ("61,700 rows/s", "8 rows/s"),
        ("2026-11-22 04:08:16,879 INFO", "2027-01-02 14:18:16,001 INFO"),
        ("first\n...\nlast", "first a b c last"),
        ("first\n...\nlast", "first last"),
        ("...\nlast", "Draining 100% 0:00:03\nlast"),
    ],
)
def test_what_may_differ_from_run_to_run_does_not_count(shown: str, printed: str) -> None:
    assert difference(shown, printed) is None


@pytest.mark.parametrize(
    ("shown", "printed", "said"),
    [
        ("Price 289.58 USD", "Price 289.59 USD", "not printed: Price 289.58 USD"),
        ("Price 289.58 USD", "Price 289.58 EUR", "not printed: Price 289.58 USD"),
        ("a b", "a b c", "more was printed than the page shows"),
        ("a b c", "a b", "not printed: a b c"),
        ("a\n...\nz", "a b c", "not printed: a ... z"),
        ("digest be1a07a21cba", "digest be1a07a21cbaf", "not printed: digest be1a07a21cba"),
        ("holdout 2026-04-01", "holdout 2026-05-01", "not printed: holdout 2026-04-01"),
        ("took 5 s", "took 5 minutes", "not printed: took 5 s"),
        ("a.c", "abc", "not printed: a.c"),
    ],
)
def test_anything_else_that_differs_is_found(shown: str, printed: str, said: str) -> None:
    assert difference(shown, printed) == said


def test_where_figures_vary_only_words_count() -> None:
    assert difference("100 drains, 5,127 of -1.5e-3", "2 drains, 128 of 7", varying=True) is None
    assert difference("100 drains", "2 trains", varying=True) == "not printed: 100 drains"


WORDS = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), min_size=1)


@settings(deadline=None)
@given(WORDS, st.booleans())
def test_every_text_is_as_shown_to_itself(words: list[str], varying: bool) -> None:
    text = " ".join(words)
    assert difference(text, text, varying=varying) is None


@settings(deadline=None)
@given(WORDS, st.data())
def test_a_word_that_is_lost_is_always_found(words: list[str], data: st.DataObject) -> None:
    lost = data.draw(st.integers(0, len(words) - 1))
    shown = " ".join(["page:", *words])
    assert difference(shown, " ".join(["page:", *words[:lost], *words[lost + 1 :]])) is not None
