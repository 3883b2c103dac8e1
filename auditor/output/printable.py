"""Text of strangers on the auditor's terminal."""

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""General categories that a terminal obeys rather than shows: control (C0, DEL, C1), format (bidi
overrides, zero-width characters, tags), lone surrogates (which cannot even be encoded), line and paragraph
separators."""


def printable(text: str) -> str:
    r"""`text` as one line that a terminal only shows, never obeys.

    What is unsafe becomes its Python escape: `\n`, `\t`, `\r`, `\x1b`, `\u202e`, `\U000e0041`. Everything
    else, a backslash too, stays as it is: the result is meant to be read, not to be parsed.
    """
    if text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if unicodedata.category(char) not in _UNSAFE:
        return char
    return char.encode("unicode_escape").decode("ascii")
