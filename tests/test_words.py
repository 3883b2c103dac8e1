"""Words: what is found inside of what."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.query.words import fold, pieces, words


def finds(term, text):
    """Whether the index would lead to the text: each piece of the term among its words."""
    found = words(fold(text))

    def meant(piece):
        if piece.starts and piece.ends:
            return piece.text in found
        if piece.starts:
            return any(word.startswith(piece.text) for word in found)
        if piece.ends:
            return any(word.endswith(piece.text) for word in found)
        return any(piece.text in word for word in found)

    return all(meant(piece) for piece in pieces(fold(term)))


@pytest.mark.parametrize(
    ("term", "text", "there"),
    [
        ("ermissi", "Permission denied", True),
        ("permission den", "Permission denied", True),
        ("permission nied", "Permission denied", False),
        ("/etc/pass", "cat /etc/passwd", True),
        ("/etc/passwd:", "cat /etc/passwd", True),  # the text decides about the colon
        ("tc/passwd", "cat /etc/passwd", True),
        ("/tc/passwd", "cat /etc/passwd", False),
        ("本語", "これは日本語です", True),
        ("語", "日本語", True),
        ("本日", "日本語", False),
        ("STRASSE", "straße", False),
        ("ΟΔΟΣ", "οδος οδός", True),
        ("->", "a -> b", True),
    ],
)
def test_the_index_finds_parts_of_words(term, text, there):
    assert finds(term, text) is there


def test_folding_never_moves_a_character():
    for code in range(sys.maxunicode + 1):
        assert len(fold(chr(code))) == 1, hex(code)


SCRIPTS = st.text(st.one_of(st.sampled_from("abAB.-_ /İΣςσ日本語、ก"), st.characters(exclude_categories=["Cs"])))


@given(SCRIPTS, st.data())
def test_prop_every_part_of_a_text_leads_to_it(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    assert finds(text[start:end].strip(), text)


@given(SCRIPTS)
def test_prop_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


@given(SCRIPTS, SCRIPTS)
def test_prop_lines_have_their_words_whatever_stands_around_them(one, other):
    assert words(fold(f"{one}\n{other}")) == words(fold(one)) | words(fold(other))
