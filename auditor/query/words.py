"""Words of a text, as the store indexes them, and what a searched term demands of them.

A word is a run of characters between separators; a dot is none of them, so that an address (10.3.141.59) is one word
and not four numbers that are everywhere. Scripts that are written without spaces have no such runs: there every pair
of neighbouring characters counts as a word, and the last character of a run by itself. Everything is compared folded,
so that letter case does not matter; a folded text has exactly as many characters as before, so that positions in it
are positions in the text.
"""

import re
from itertools import pairwise
from typing import NamedTuple

_SEPARATORS = (
    [chr(code) for code in range(128) if not (chr(code).isalnum() or chr(code) in "_.")]
    + [chr(code) for code in range(0x80, 0xC0) if not chr(code).isalnum()]
    + [chr(code) for code in range(0x2000, 0x2070)]  # typographic spaces, quotes and dashes
    + [chr(code) for code in range(0x2190, 0x2800)]  # arrows, mathematical signs, box drawing, symbols
    + [chr(code) for code in range(0x3000, 0x3003)]  # ideographic space, comma and full stop
    + [chr(code) for code in range(0xFF00, 0xFF10)]
    + list("「」『』【】《》、。！？；：（）［］｛｝")
)
_TO_SPACE = dict.fromkeys(map(ord, _SEPARATORS), " ")

_DENSE = re.compile(
    "[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fff\u3003-\u9fff\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
"""Thai, Lao, Burmese, Khmer, Han, Kana and Hangul."""


class Piece(NamedTuple):
    """A part of a searched term that must be found among the words of a text.

    `starts`: a word of the text starts with it, rather than having more before it; `ends` likewise. Both: it is a
    whole word.
    """

    text: str
    starts: bool
    ends: bool


def fold(text: str) -> str:
    """`text` without differences of letter case, character by character."""
    if text.isascii():
        return text.lower()
    # The one letter whose lower case is two characters, and the one whose lower case depends on its place.
    return text.replace("İ", "i").lower().replace("ς", "σ")


def words(folded: str) -> set[str]:
    """The distinct words of a folded text."""
    found = set(folded.translate(_TO_SPACE).split())
    if not folded.isascii():
        for word in [word for word in found if not word.isascii()]:
            dense = _DENSE.findall(word)
            if dense:
                found.remove(word)
                found.update(_DENSE.sub(" ", word).split())
                for run in dense:
                    found.update(_pairs(run))
    return found


def neighbours(folded: str) -> list[tuple[str, str]]:
    """Words of a folded text that have nothing but separators between them, in order; not those of scripts that are
    written without spaces."""
    spaced = folded.translate(_TO_SPACE)
    parts = [spaced] if folded.isascii() else _DENSE.split(spaced)
    return [pair for part in parts for pair in pairwise(part.split())]


def pieces(folded: str) -> list[Piece]:
    """What every text that contains the folded term has among its words; the more telling ones first.

    Empty when the term has nothing but separators.
    """
    spaced = folded.translate(_TO_SPACE)
    dense: set[str] = set()
    for run in _DENSE.finditer(spaced):
        dense.update(_pairs(run[0]) if len(run[0]) > 1 else ())
    found = [Piece(pair, True, True) for pair in dense if len(pair) > 1]
    found += [Piece(run[0], True, False) for run in _DENSE.finditer(spaced) if len(run[0]) == 1]
    # Replaced by equally many characters: what stands before and behind a word decides whether it is whole.
    rest = _DENSE.sub(lambda run: " " * len(run[0]), spaced)
    for word in re.finditer(r"\S+", rest):
        found.append(Piece(word[0], word.start() > 0, word.end() < len(rest)))
    return sorted(found, key=lambda piece: (-(piece.starts + piece.ends), -len(piece.text)))


def _pairs(run: str) -> list[str]:
    return [run[index : index + 2] for index in range(len(run))]
