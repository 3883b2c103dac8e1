"""The character set of a session, as its recording names it, made sure of before anything is decoded with it."""

import codecs

from auditor.transcript import known_charset

_SEQUENCES = (b"\x1b", b"$", b"\x1b", b"[38;5;12m", b"\x1b(0", b"\x1b]0;a\x07", b"~{")
"""Control sequences in pieces, as a terminal gets them."""


def session_charset(name: str) -> str:
    """The name if a terminal can be decoded with it in pieces, else UTF-8.

    ISO-2022 is ruled out with all that takes control sequences for its own: no locale of a terminal uses it, and
    Python's decoders of it raise at sequences that they do not know.
    """
    charset = known_charset(name)
    try:
        decoder = codecs.getincrementaldecoder(charset)("replace")
        text = "".join(decoder.decode(piece) for piece in _SEQUENCES) + decoder.decode(b"", final=True)
        decoder.decode(b"a\xff", final=True)
    except ValueError:
        return "utf-8"
    return charset if text == b"".join(_SEQUENCES).decode("ascii") else "utf-8"
