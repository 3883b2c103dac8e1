"""The kinds of settings: how a value is written as an option and in TOML, and which values are allowed.

On the way to the recorded shell: nothing is imported here that the interpreter has not loaded already.
"""

UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3}

MAX_TEXT = 1000
"""Characters of a text; a notice is a line or two."""


class Setting:
    """One setting: its default, its help, and the values it takes.

    As a class attribute it is a descriptor: read from an instance that was not given a value, it is the default.
    `from_option` and `from_file` return the value, or raise ValueError with a text that says what is wrong and
    what to write ("5 is out of range 0.05 to 1; write a number of seconds in it").
    """

    metavar = "TEXT"
    form = f'at most {MAX_TEXT} printable characters in "quotes"'
    """What to write, as messages say it."""
    name = ""
    option = ""

    def __init__(self, default: object, help: str, *, short: str = "", in_file: bool = True) -> None:
        self.default = default
        self.help = help
        self.short = short
        self.in_file = in_file

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.option = "--" + name.replace("_", "-")

    def from_option(self, text: str) -> object:
        """The value of `text` as it stands on the command line."""
        return self._allowed(text)

    def from_file(self, value: object) -> object:
        """The value of `value` as tomllib read it."""
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is not a string; write {self.form}")
        return self._allowed(value)

    def _allowed(self, value: str) -> object:
        if not value:
            raise ValueError(f"it is empty; write {self.form}")
        if len(value) > MAX_TEXT or not value.isprintable():
            raise ValueError(f"{shown(value)} has control characters or is too long; write {self.form}")
        return value

    def default_text(self) -> str:
        """The default as a person would write it; "" where there is nothing to write."""
        return str(self.default)


class Text(Setting):
    """Printable text; "" is its absence."""

    def __get__(self, instance: object, owner: type) -> str:
        """The default."""
        return str(self.default)


class File(Text):
    """The name of a file or directory; "" is its absence. In the configuration file it is absolute."""

    metavar = "FILE"
    form = 'a path such as "/var/log/x"'

    def from_file(self, value: object) -> object:
        """The value of `value` as tomllib read it."""
        if not isinstance(value, str) or not value.startswith("/"):
            raise ValueError(f"{shown(value)} is not an absolute path; write {self.form}")
        return self._allowed(value)

    def _allowed(self, value: str) -> object:
        if not value or "\0" in value:
            raise ValueError(f"{shown(value)} is not a file name; write {self.form}")
        return value


class Directory(File):
    """The name of a directory."""

    metavar = "DIRECTORY"


class Namespace(Text):
    """The name of a journald instance; it becomes part of a socket's path (systemd-journald.service(8))."""

    metavar = "NAME"
    form = 'letters, digits, "-", "_" and "." only'

    def _allowed(self, value: str) -> object:
        plain = value.replace("-", "").replace("_", "").replace(".", "")
        if not (plain.isascii() and plain.isalnum() and len(value) <= 100):
            raise ValueError(f"{shown(value)} is not a journal namespace; write {self.form}")
        return value


class Pattern(Text):
    """A regular expression of Python; "" is its absence and switches it off."""

    metavar = "PATTERN"
    form = "a Python regular expression in 'quotes'"

    def _allowed(self, value: str) -> object:
        if not value:
            return value
        import re
        import warnings

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a possible change of meaning in a later Python
                re.compile(value)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"{shown(value)} does not compile: {error}; write {self.form}") from error
        return value


class Choice(Text):
    """One of a few words."""

    def __init__(self, default: str, choices: tuple[str, ...], help: str) -> None:
        super().__init__(default, help)
        self.choices = choices
        self.metavar = "|".join(choices)
        self.form = " or ".join(f'"{choice}"' for choice in choices)

    def _allowed(self, value: str) -> object:
        if value not in self.choices:
            raise ValueError(f"{shown(value)} is not one of its values; write {self.form}")
        return value


class Flag(Setting):
    """On or off: `--name` and `--no-name`, true and false."""

    metavar = ""
    form = "true or false"

    def __init__(self, default: bool, help: str) -> None:
        super().__init__(default, help)

    def __get__(self, instance: object, owner: type) -> bool:
        """The default."""
        return bool(self.default)

    def from_file(self, value: object) -> object:
        """The value of `value` as tomllib read it."""
        if not isinstance(value, bool):
            raise ValueError(f"{shown(value)} is neither true nor false; write {self.form}")
        return value

    def default_text(self) -> str:
        """The default as TOML writes it."""
        return "true" if self.default else "false"


class _Range(Setting):
    """A number between two others, both included."""

    def __init__(self, default: float, low: float, high: float, help: str) -> None:
        super().__init__(default, help)
        self.low = low
        self.high = high

    def _check(self, value: float, written: object) -> None:
        if not self.low <= value <= self.high:
            low, high = self._limit_text(self.low), self._limit_text(self.high)
            raise ValueError(f"{shown(written)} is out of range {low} to {high}; write {self.form}")

    def _limit_text(self, limit: float) -> str:
        return f"{limit:g}"


class Seconds(_Range):
    """A number of seconds, fractions allowed."""

    metavar = "SECONDS"
    form = "a number of seconds in it"

    def __get__(self, instance: object, owner: type) -> float:
        """The default."""
        return float(str(self.default))

    def from_option(self, text: str) -> object:
        """Decimal digits with at most one point: float() itself would take "1_0", "inf" and other scripts."""
        whole, _, fraction = text.partition(".")
        digits = whole + fraction
        if not (digits.isascii() and digits.isdigit()):
            raise ValueError(f"{shown(text)} is not a number; write {self.form}")
        return self._within(float(text), text)

    def from_file(self, value: object) -> object:
        """The value of `value` as tomllib read it."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{shown(value)} is not a number; write {self.form}")
        return self._within(value, value)

    def _within(self, value: float, written: object) -> float:
        self._check(value, written)
        return float(value)

    def default_text(self) -> str:
        """The default without a trailing ".0"."""
        return f"{self.default:g}"


class Number(_Range):
    """A whole number."""

    metavar = "NUMBER"
    form = "a whole number in it"

    def __get__(self, instance: object, owner: type) -> int:
        """The default."""
        return int(str(self.default))

    def from_option(self, text: str) -> object:
        """Decimal digits."""
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise ValueError(f"{shown(text)} is not a whole number; write {self.form}")
        return self.from_file(int(text))

    def from_file(self, value: object) -> object:
        """The value of `value` as tomllib read it."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{shown(value)} is not a whole number; write {self.form}")
        self._check(value, value)
        return value


class Programs(Setting):
    """Absolute paths of programs by name, a table of TOML; there is no option for it."""

    metavar = "{ NAME = PATH }"
    form = 'a table such as { alice = "/bin/zsh" }'

    def __init__(self, help: str) -> None:
        super().__init__({}, help)

    def __get__(self, instance: object, owner: type) -> dict[str, str]:
        """The default: none."""
        return {}

    def from_file(self, value: object) -> object:
        """The value of `value` as tomllib read it."""
        if not isinstance(value, dict):
            raise ValueError(f"{shown(value)} is not a table; write {self.form}")
        for name, path in value.items():
            if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
                raise ValueError(f"{shown(name)} = {shown(path)} is not an absolute path; write {self.form}")
        return value

    def default_text(self) -> str:
        """Nothing to write."""
        return ""


class Size(_Range):
    """A number of bytes: 65536, or with a unit of 1024: "64K", "4M", "1G"."""

    metavar = "BYTES"
    form = 'a number of bytes such as 65536, "64K" or "4M" in it'

    def __get__(self, instance: object, owner: type) -> int:
        """The default."""
        return int(str(self.default))

    def from_option(self, text: str) -> object:
        """Digits and at most one unit."""
        digits, unit = text, 1
        if text[-1:].upper() in UNITS:
            digits, unit = text[:-1], UNITS[text[-1].upper()]
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            raise ValueError(f"{shown(text)} is not a number of bytes; write {self.form}")
        return self._within(int(digits) * unit, text)

    def from_file(self, value: object) -> object:
        """The value of `value` as tomllib read it: an integer, or a string with a unit."""
        if isinstance(value, str):
            return self.from_option(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{shown(value)} is not a number of bytes; write {self.form}")
        return self._within(value, value)

    def _within(self, value: int, written: object) -> int:
        self._check(value, written)
        return value

    def _limit_text(self, limit: float) -> str:
        return size_text(int(limit))

    def default_text(self) -> str:
        """The default with its largest unit."""
        return size_text(int(str(self.default)))


def size_text(value: int) -> str:
    """Bytes with the largest unit that loses nothing: 65536 is "64K"."""
    for unit in ("G", "M", "K"):
        if value and value % UNITS[unit] == 0:
            return f"{value // UNITS[unit]}{unit}"
    return str(value)


def shown(value: object) -> str:
    """A value as a message shows it: TOML's words, short enough for one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, int) and value.bit_length() > 64:
        return "this number"  # str() refuses more than 4300 digits
    if not isinstance(value, str):
        return str(value)
    text = value if len(value) <= 60 else value[:57] + "..."
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text) + '"'
