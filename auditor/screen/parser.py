"""Control sequences one character at a time: those cut by the end of a packet, odd ones, and control strings.

The states are those of ECMA-48 as tmux reads it: a control character inside a sequence is executed, CAN and SUB end
it, ESC begins another one. What an OSC or APC string says ends at ESC; only DCS waits for a whole ESC \\.
"""

import re
from typing import TYPE_CHECKING

from auditor.screen.control_functions import CONTROL, CSI, ESC, private_mode

if TYPE_CHECKING:
    from auditor.screen.screen import Screen

_GROUND, _ESCAPE, _INTERMEDIATE, _CSI, _CSI_IGNORE, _HEADER, _DATA, _STRING, _OSC = range(9)
"""_HEADER and _DATA are the two parts of DCS; _STRING is APC, PM, SOS and the title string of GNU screen."""

_STRINGS = {"[": _CSI, "]": _OSC, "P": _HEADER, "X": _STRING, "^": _STRING, "_": _STRING, "k": _STRING}

_LONGEST_PARAMETERS = 63
_MOST_PARAMETERS = 23
_LARGEST_PARAMETER = 2**31 - 1
_LONGEST_INTERMEDIATES = 3
"""Longer sequences are ignored whole, as tmux does."""

_LONGEST_STRING = 4096
"""Characters kept of an OSC string. Titles are shorter; the rest (clipboards, pictures) is read and dropped."""

_STRING_END = re.compile("[\x18\x1a\x1b]")
_OSC_END = re.compile("[\x07\x18\x1a\x1b]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")


class Parser:
    """What the screen has read of a control sequence that is not yet complete."""

    def __init__(self, screen: "Screen") -> None:
        self._screen = screen
        self._state = _GROUND
        self._clear()

    @property
    def busy(self) -> bool:
        """Whether the next character belongs to a sequence."""
        return self._state != _GROUND

    @property
    def in_string(self) -> bool:
        """Whether the next character belongs to a control string, which may go on for ever."""
        return self._state >= _HEADER

    def reset(self) -> None:
        """Forgets the sequence; the next character is text again."""
        self._state = _GROUND

    def resume(self, text: str, position: int) -> int:
        """Reads on until the sequence is complete or the text ends; the position behind what was read."""
        end = len(text)
        while position < end:
            if self._state >= _DATA:
                position = self._read_string(text, position)
            else:
                self._read(text[position])
                position += 1
            if self._state == _GROUND:
                break
        return position

    @staticmethod
    def sane(parameters: str) -> bool:
        """Whether there are not too many parameters and none is too large."""
        numbers = parameters.split(";")
        return len(numbers) <= _MOST_PARAMETERS and all(int(number or 0) <= _LARGEST_PARAMETER for number in numbers)

    def _clear(self) -> None:
        self._prefix = ""
        self._parameters = ""
        self._intermediates = ""
        self._string = ""
        self._discard = False

    def _read(self, char: str) -> None:
        state = self._state
        if char == "\x1b":
            self._clear()
            self._state = _ESCAPE
        elif char in "\x18\x1a":
            self._state = _GROUND
            self._screen.last = ""
        elif char < " ":
            if state != _HEADER:
                self._screen.last = ""
                if char in CONTROL:
                    CONTROL[char](self._screen)
        elif char >= "\x7f":
            pass
        elif state == _ESCAPE and char in _STRINGS:
            self._state = _STRINGS[char]
            if char != "[":
                self._screen.last = ""
        elif state in (_ESCAPE, _INTERMEDIATE):
            self._read_escape(char)
        elif state == _CSI_IGNORE:
            if char >= "@":
                self._state = _GROUND
        else:
            self._read_parameters(char)

    def _read_escape(self, char: str) -> None:
        if char < "0":
            self._state = _INTERMEDIATE
            self._intermediate(char)
            return
        self._state = _GROUND
        self._screen.last = ""
        function = ESC.get(self._intermediates + char)
        if function is not None and not self._discard:
            function(self._screen)

    def _read_parameters(self, char: str) -> None:
        """One character of CSI or of the header of DCS."""
        string = self._state == _HEADER
        if char >= "@":
            self._state = _DATA if string else _GROUND
            if not string:
                self._execute(char)
        elif char < "0":
            self._intermediate(char)
        elif self._intermediates:
            self._ignore()
        elif char >= "<":
            if self._prefix or self._parameters:
                self._ignore()
            else:
                self._prefix = char
        elif string and char == ":":
            self._ignore()
        elif len(self._parameters) < _LONGEST_PARAMETERS:
            self._parameters += char
        else:
            self._discard = True

    def _ignore(self) -> None:
        self._state = _STRING if self._state == _HEADER else _CSI_IGNORE

    def _intermediate(self, char: str) -> None:
        if len(self._prefix + self._intermediates) < _LONGEST_INTERMEDIATES:
            self._intermediates += char
        else:
            self._discard = True

    def _execute(self, final: str) -> None:
        if final != "b":
            self._screen.last = ""
        if self._discard or self._intermediates or ":" in self._parameters or not self.sane(self._parameters):
            return
        if not self._prefix:
            function = CSI.get(final)
            if function is not None:
                function(self._screen, self._parameters)
        elif self._prefix == "?" and final in "hl" and self._parameters:
            for parameter in self._parameters.split(";"):
                private_mode(self._screen, parameter, final == "h")

    def _read_string(self, text: str, position: int) -> int:
        """Reads a control string up to its end or the end of the text."""
        if self._state == _DATA:
            return self._read_data(text, position)
        found = (_OSC_END if self._state == _OSC else _STRING_END).search(text, position)
        if found is None:
            self._keep(text[position : position + _LONGEST_STRING])
            return len(text)
        self._keep(text[position : min(found.start(), position + _LONGEST_STRING)])
        if self._state == _OSC:
            self._operating_system_command()
        self._clear()
        self._state = _ESCAPE if found[0] == "\x1b" else _GROUND
        return found.end()

    def _read_data(self, text: str, position: int) -> int:
        r"""Reads the data of DCS, which ends at ESC \ only; `_string` is ESC when that was the last character."""
        if self._string:
            self._string = ""
            if text[position] == "\\":
                self._state = _GROUND
            return position + 1
        found = text.find("\x1b", position)
        if found < 0:
            return len(text)
        self._string = "\x1b"
        return found + 1

    def _keep(self, part: str) -> None:
        if len(self._string) + len(part) > _LONGEST_STRING:
            self._discard = True
        else:
            self._string += part

    def _operating_system_command(self) -> None:
        command, separator, value = self._string.partition(";")
        if self._discard:
            return
        if command in ("0", "2") and separator:
            self._screen.title = _CONTROLS.sub("", value)
        elif command == "133" and self._screen.mark is not None:
            if value[:1] == "A":
                self._screen.mark("prompt")
            elif value[:1] == "B":
                self._screen.mark("command")
            elif value[:1] == "C":
                self._screen.mark("output")
