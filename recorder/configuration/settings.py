"""The recorder's settings: the one place that names them, their defaults, limits and descriptions.

From `Settings` come the options of `sessrec rec`, the section [rec] of the configuration file, `--help` and the
man pages. An option wins over the file, the file over the default; the environment configures nothing, because
it belongs to the person who is recorded.

`parse` stands between that person and the shell. It reads the command line itself, and argparse, tomllib and re
are imported only where help is asked for, a configuration file exists, or a pattern is given.
"""

import os

from recorder.capture.masking import DEFAULT_PROMPT
from recorder.configuration.setting_kinds import (
    Choice,
    Directory,
    File,
    Flag,
    Namespace,
    Pattern,
    Seconds,
    Setting,
    Size,
    Text,
)
from recorder.errors import SessrecError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONFIG_FILE = "/etc/session-recording/config.toml"
"""Read where it exists and `--config` names no other."""

KIB, MIB, GIB = 1024, 1024**2, 1024**3


class OptionError(SessrecError):
    """The command line cannot be read as options of `sessrec rec`."""

    exit_status = 2


class Settings:
    """What a recording is made with. An attribute that nobody has set is its default.

    Sizes are bytes, times are seconds, a name of a file or a text that is not set is "".
    """

    output = File(
        "",
        "write the recording to FILE; without it, it goes where --sink says",
        short="o",
        in_file=False,
    )
    sink = Choice(
        "file",
        ("file", "journald", "syslog"),
        "where messages go: a file for each recording, the systemd journal, or the local syslog daemon",
    )
    directory = Directory(
        "",
        "where files of recordings are made (default: session-recording/recordings in the user's data directory)",
    )
    input = Flag(False, "record what is typed as well; what is typed at a prompt without echo is masked")
    prompt_pattern = Pattern(
        DEFAULT_PROMPT,
        "mask input as well while the last line of output matches, which is how a password typed over ssh or in "
        'tmux is told from other input; "" switches it off',
    )
    command_bytes = Flag(
        False,
        "without a terminal (pipes, ssh host command): record the bytes of standard input, output and error too",
    )
    command_bytes_limit = Size(
        MIB, 0, GIB, "how much of each of these three streams is recorded; what lies beyond is counted"
    )
    latency = Seconds(
        1.0, 0.05, 1.0, "write what was captured after this time at the latest; a killed recorder loses no more"
    )
    payload = Size(
        64 * KIB, KIB, 64 * KIB, "write a message when it holds this much of the terminal's bytes (a sink may cap it)"
    )
    sign_interval = Seconds(5.0, 0.0, 3600.0, "sign the chain of messages at most this often; 0 signs every message")
    key = File("", "the private key that signs (default: the user's own, made at the first recording)")
    on_failure = Choice(
        "deny",
        ("deny", "allow"),
        "when the recording cannot be written and the spool is full: end the session, or let it go on unrecorded",
    )
    spool = Size(4 * MIB, 0, GIB, "how much is held in memory while the sink fails")
    limit_action = Choice(
        "pass",
        ("pass", "delay", "drop"),
        "what is done with output above the rate limit: record it all the same, slow the terminal down, "
        "or leave it out of the recording and note how much",
    )
    limit_rate = Size(16 * KIB, 1, GIB, "rate limit, in bytes of recording a second")
    limit_burst = Size(32 * KIB, 1, GIB, "how much may be recorded at once above the rate limit")
    journal_namespace = Namespace("", "the journal namespace that sink journald writes to (default: the system's)")
    syslog_path = File("/dev/log", "the socket that sink syslog writes to")
    notice = Text("", "a line shown at the start of a recorded session")
    config = File(
        "",
        f"read settings from FILE (default: {CONFIG_FILE}, where it exists)",
        in_file=False,
    )

    def __init__(self, values: "Mapping[str, object] | None" = None) -> None:
        # Setting has no __set__, so a value in the instance's own dictionary hides the default.
        vars(self).update(values or {})


TABLE: "dict[str, Setting]" = {name: value for name, value in vars(Settings).items() if isinstance(value, Setting)}
"""Every setting by name, in the order in which help shows them."""

_OPTIONS = {setting.option: setting for setting in TABLE.values()}
_SHORT = {"-" + setting.short: setting for setting in TABLE.values() if setting.short}


def parse(argv: "Sequence[str]", description: str = "") -> "tuple[Settings, list[str]]":
    """The settings and the command (empty: the user's shell) of `sessrec rec ARGV...`.

    The command begins at the first argument that is not an option, or after `--`. `--help` prints help, with
    `description` above the options, and raises SystemExit(0). Raises OptionError, and ConfigError for the
    configuration file.
    """
    given: dict[str, object] = {}
    at = 0
    while at < len(argv) and argv[at].startswith("-") and argv[at] != "-":
        argument = argv[at]
        at += 1
        if argument == "--":
            break
        if argument in ("-h", "--help"):
            from recorder.configuration.options import help_text

            print(help_text(description), end="")
            raise SystemExit(0)
        setting, text = _option(argument)
        if text is None and isinstance(setting, Flag):
            given[setting.name] = not argument.startswith("--no-")
            continue
        if text is None:
            if at == len(argv):
                raise OptionError(f"{argument} needs a value: {argument} {setting.metavar}")
            text = argv[at]
            at += 1
        try:
            given[setting.name] = setting.from_option(text)
        except ValueError as error:
            raise OptionError(f"{setting.option}: {error}") from error
    return Settings({**_configured(given.get("config")), **given}), list(argv[at:])


def _option(argument: str) -> "tuple[Setting, str | None]":
    """The setting that an argument names, and the value that is part of it, as in --latency=1 and -oFILE."""
    if not argument.startswith("--"):
        setting = _SHORT.get(argument[:2])
        if setting is None:
            raise OptionError(f"unknown option {argument}; 'sessrec rec --help' lists them")
        return setting, argument[2:] or None
    name, equals, text = argument.partition("=")
    setting = _OPTIONS.get(name)
    if setting is None and name.startswith("--no-"):
        setting = _OPTIONS.get("--" + name[5:])
        if not isinstance(setting, Flag):
            setting = None
    if setting is None:
        from difflib import get_close_matches

        close = get_close_matches(name, _OPTIONS, n=1, cutoff=0.7)
        meant = f", did you mean {close[0]}?" if close else ""
        raise OptionError(f"unknown option {name}{meant}; 'sessrec rec --help' lists them")
    if equals and isinstance(setting, Flag):
        raise OptionError(f"{name} takes no value: write {setting.option} or --no-{setting.option[2:]}")
    return setting, text if equals else None


def _configured(named: object) -> "Mapping[str, object]":
    """What the configuration file sets. A named file must exist; the system's need not."""
    path = str(named or CONFIG_FILE)
    if not named:
        try:
            os.stat(path)
        except FileNotFoundError:
            return {}
        except OSError:
            pass  # it is there and cannot be read: that must not pass for "nothing is configured"
    from recorder.configuration.config import load

    return load(path)
