"""From the bytes that a keyboard sends to names of keys."""

import codecs
import re

_NAMED = {
    " ": "SPACE",
    "\r": "ENTER",
    "\n": "ENTER",
    "\x7f": "BACKSPACE",
    "\b": "BACKSPACE",
    "\t": "TAB",
    "\x03": "CTRL-C",
    "\x0c": "CTRL-L",
    "\x15": "CTRL-U",
    "\x1a": "CTRL-Z",
}

_SEQUENCES = {
    "A": "UP",
    "B": "DOWN",
    "C": "RIGHT",
    "D": "LEFT",
    "H": "HOME",
    "F": "END",
    "1~": "HOME",
    "7~": "HOME",
    "4~": "END",
    "8~": "END",
    "5~": "PGUP",
    "6~": "PGDN",
    "3~": "DELETE",
}
"""What follows CSI or SS3: the keys of xterm, the Linux console, rxvt and tmux, without modifiers."""

_CSI = re.compile(r"\x1b(?:\[(?P<csi>[0-?]*[ -/]*[@-~])|O(?P<ss3>[ -~]))")
_MOUSE = re.compile(r"\x1b\[M...", re.DOTALL)
_STRING = re.compile(r"\x1b[]PX^_].*?(?:\x07|\x1b\\)", re.DOTALL)
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O|\[M.{0,2}|[]PX^_].*)?", re.DOTALL)
_LONGEST = 4096
"""Characters of an unfinished sequence that are waited for; a terminal's answers are shorter."""


class KeyReader:
    """Takes input in any pieces and gives names of keys: "UP", "SPACE", or the character itself.

    Sequences that are no known key (answers of the terminal, mouse reports) give nothing, rather than the keys
    that their characters would be. A lone ESC is only known by what does not follow: call `flush` when nothing
    came for a moment.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""

    @property
    def waiting(self) -> bool:
        """Whether something unfinished is held back."""
        return bool(self._pending)

    def feed(self, data: bytes) -> list[str]:
        """The keys that are complete now."""
        text = self._pending + self._decoder.decode(data)
        keys: list[str] = []
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                keys += _single(text[at])
                at += 1
                continue
            match = _MOUSE.match(text, at) or _STRING.match(text, at)
            if match is None:
                begun = _BEGUN.fullmatch(text, at)
                if begun is not None and len(text) - at < _LONGEST:
                    break
                match = _CSI.match(text, at)
                if match is not None:
                    name = _SEQUENCES.get(match["csi"] or match["ss3"])
                    keys += [name] if name else []
            at = match.end() if match is not None else at + 1
            if match is None:
                keys.append("ESC")
        self._pending = text[at:]
        return keys

    def flush(self) -> list[str]:
        """Nothing followed: a held back ESC was the key ESC, anything longer was no key."""
        keys = ["ESC"] if self._pending in ("\x1b", "\x1b\x1b") else []
        self._pending = ""
        return keys


def _single(char: str) -> list[str]:
    name = _NAMED.get(char, char)
    return [name] if len(name) > 1 or name.isprintable() else []
