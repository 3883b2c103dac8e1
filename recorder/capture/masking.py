"""What of the typed input is a secret, and what is recorded in its place.

A secret is asked for when the terminal shows nothing of what is typed into a line (ECHO clear, ICANON set), or
when the last line of the output looks like the question for one. The second rule is for programs that read keys
one by one (`read -s -e`, `read -s -n 8`) and for those behind another terminal, as with sudo on a further host
over ssh, whose modes cannot be seen from here.

The rules err on the side of the secret. While a secret is asked for, all that arrives is hidden; once a line began
hidden it stays hidden to its end, even if the echo comes back before; a secret that ends without Enter (`read -n 8`)
so costs the line after it. Full-screen programs (both bits clear) are not masked by the modes, but a line typed
after something that looks like a question is. Whoever makes questions of his own hides his own input by them: what
he does with it is still in the output.

What cannot be known here: input that was typed before the program turned the echo off, and is read by it after.
The terminal echoed it, so it stands in the output as well. And a form that is drawn with the cursor (curses
pinentry) ends its output elsewhere than at its question.
"""

from recorder.errors import SessrecError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

DEFAULT_PROMPT = (
    r"(?i)(passwor[dt]|passwd|passphrase|passcode|\bpin\b|pincode|secret|token|\botp\b|one-time"
    r"|verification code|(first|second) factor|kennwort|mot de passe|phrase (de )?secr|contraseña|\bclave\b|senha"
    r"|palavra-passe|wachtwoord|lösenord|salasana|adgangskode|passord|hasło|heslo|jelszó|parol|şifre|пароль"
    r"|密码|密碼|口令|パスワード|暗証番号|암호|비밀번호)"
    r"[^\n\r]{0,160}[:：?][^\S\n\r]*$"
)
"""A regular expression, searched in the last line of the output, without its escape sequences.

sudo, su, ssh, passwd, login, kinit, gpg on a plain terminal, SSSD's factors, git, databases; in the languages of
their translations. A question ends with a colon or a question mark.
"""

_TAIL = 1024
"""Bytes of output that a question may be long, with its colours and all."""

_LINE_ENDS = b"\r\n\x03\x04\x1a\x1c"
"""Enter, and ^C ^D ^Z ^\\, which end a line without it. They are recorded: that it was given up is no secret."""

_ESCAPES = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-OQ-WYZ\\`-~])|[\x00\x07]"


class MaskError(SessrecError):
    """The pattern for questions cannot be used; the text says why."""


class InputMask:
    """Follows one session: `printed` is told its output, `typed` its input.

    `prompt`: the pattern for questions; "" for none. `charset`: the session's, in which the output is read.
    The default pattern is compiled at the first input, others at once, so that their faults show (MaskError).
    """

    def __init__(self, prompt: str = DEFAULT_PROMPT, charset: str = "UTF-8") -> None:
        self._prompt = prompt
        self._charset = charset
        self._compiled: tuple[re.Pattern[str], re.Pattern[str]] | None = None
        if prompt not in ("", DEFAULT_PROMPT):
            self._compile()
        self._tail = b""
        self._asks: bool | None = False
        # A hidden line has begun and not ended; and its `*` stands already.
        self._open = False
        self._starred = False

    def state(self) -> tuple[bytes, bool, bool]:
        """What `resume` needs."""
        return self._tail, self._open, self._starred

    def resume(self, state: tuple[bytes, bool, bool]) -> None:
        """Go on where another mask of the same session has stopped."""
        self._tail, self._open, self._starred = state
        self._asks = None

    def printed(self, data: bytes) -> None:
        """What the session printed, in any pieces."""
        self._tail = (self._tail + data)[-_TAIL:] if len(data) < _TAIL else data[-_TAIL:]
        self._asks = None

    def typed(self, data: bytes, *, echo: bool, canonical: bool) -> bytes:
        """What is recorded for `data`, which was read while the session's terminal had ECHO and ICANON so.

        A hidden line is one `*`, however long it is: its length would help whoever guesses. Its end stays.
        """
        if (canonical and not echo) or self._is_asked():
            return self._hidden(data)
        if not self._open:
            return data
        end = next((at for at, byte in enumerate(data) if byte in _LINE_ENDS), len(data) - 1) + 1
        return self._hidden(data[:end]) + data[end:]

    def _hidden(self, data: bytes) -> bytes:
        recorded = bytearray()
        for byte in data:
            if byte in _LINE_ENDS:
                recorded.append(byte)
                self._open = self._starred = False
            else:
                self._open = True
                if not self._starred:
                    recorded += b"*"
                    self._starred = True
        return bytes(recorded)

    def _is_asked(self) -> bool:
        if self._asks is None:
            self._asks = bool(self._prompt) and self._matches()
        return self._asks

    def _matches(self) -> bool:
        escapes, question = self._compiled or self._compile()
        try:
            text = self._tail.decode(self._charset, "replace")
        except LookupError:
            text = self._tail.decode("utf-8", "replace")
        text = escapes.sub("", text)
        last_line = text[max(text.rfind("\n"), text.rfind("\r")) + 1 :]
        return question.search(last_line) is not None

    def _compile(self) -> "tuple[re.Pattern[str], re.Pattern[str]]":
        # Not at the top: most sessions are recorded without their input, and `re` costs their login 10 ms.
        import re

        try:
            self._compiled = re.compile(_ESCAPES), re.compile(self._prompt)
        except (re.error, RecursionError, OverflowError) as error:
            raise MaskError(f"the pattern {self._prompt!r} is not a regular expression: {error}") from error
        return self._compiled
