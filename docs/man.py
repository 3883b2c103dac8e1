"""Man pages from the definitions that --help comes from: `python -m docs.man DIRECTORY`, or `make man`.

sessrec(1), a page for every verb, sessrec.toml(5) from the tables of settings, and one of the installer of FreeIPA's
servers.
"""

import argparse
import os
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

import sessrec
from auditor.elasticsearch.settings import STORE_TABLE
from ipa_plugin import install
from recorder.capture.session import VERSION
from recorder.configuration.config import HOST_SECTION, SECTION, STORE_SECTION
from recorder.configuration.host_settings import HOST_TABLE
from recorder.configuration.setting_kinds import Choice, Flag, Number, Programs, Seconds, Setting, Size, size_text
from recorder.configuration.settings import CONFIG_FILE, TABLE

SERVER_INSTALLER = install.PROGRAM

ABOUT = "terminal sessions: recorded, searchable by what was seen, playable and provable"

EXIT_STATUS = (
    "0 on success, 1 where it cannot be done (one line on standard error says why and what to do), "
    f"{sessrec.USAGE_ERROR} for a wrong command line, {sessrec.INTERRUPTED} after Ctrl-C, {sessrec.BROKEN_PIPE} "
    "where nobody reads the output any more. A verb's own page names its own."
)

EXAMPLE = f"""[{SECTION}]
# Everything goes to the journal, with what is typed, and no session without its recording.
sink = "journald"
input = true
on_failure = "deny"
spool = "16M"
notice = "This session is recorded."
"""

HOST_EXAMPLE = f"""[{HOST_SECTION}]
# A namespace of its own for recordings, and nobody in while nobody can tell whether he is to be recorded.
journal_namespace = "session-recording"
on_failure = "deny"
shells = {{ carol = "/bin/zsh" }}
"""


def main(argv: list[str]) -> int:
    """Write the pages into the directory that `argv` names."""
    directory = Path(argv[0])
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in pages():
        (directory / name).write_text(text)
        print(directory / name)
    return 0


def pages() -> Iterator[tuple[str, str]]:
    """(file name, roff source) of every page."""
    yield "sessrec.1", _overview()
    for verb in sessrec.VERBS:
        yield f"sessrec-{verb}.1", _verb(verb)
    yield "sessrec.toml.5", _configuration()
    yield f"{SERVER_INSTALLER}.8", _server_installer()


def _overview() -> str:
    verbs = [(f"sessrec {verb}", sessrec.load(verb).HELP) for verb in sessrec.VERBS]
    return _page(
        "sessrec",
        1,
        ABOUT,
        _section("SYNOPSIS", [_bold("sessrec"), " ", r"\fIVERB\fP ...", "\n.br\n", _bold("sessrec --version")]),
        _section("VERBS", (_item(_bold(name), text) for name, text in verbs)),
        _section("EXIT STATUS", _prose(EXIT_STATUS)),
        _section(
            "FILES",
            [
                _item(_escaped(CONFIG_FILE), "settings of the recorder, see sessrec.toml(5)"),
                _item(
                    _escaped("/etc/session-recording/policies.toml"),
                    "local policies of a host that records logins",
                ),
                _item(
                    _escaped("/etc/session-recording/retention.toml"),
                    "how long recordings are kept, see sessrec-retention(1)",
                ),
                _item(
                    _escaped("$XDG_DATA_HOME/session-recording/"),
                    "the user's own recordings, store and key; ~/.local/share/session-recording/ where the variable "
                    "is not set",
                ),
            ],
        ),
        _see_also([f"sessrec-{verb}" for verb in sessrec.VERBS]),
    )


def _verb(verb: str) -> str:
    module = sessrec.load(verb)
    parser = sessrec.parser(verb, module)
    return _page(
        f"sessrec-{verb}",
        1,
        module.HELP,
        _section("SYNOPSIS", [_usage(parser)]),
        _section("DESCRIPTION", _prose(parser.description or "")),
        _section("OPTIONS", _options(parser)),
        _see_also(["sessrec"]),
    )


def _configuration() -> str:
    return _page(
        "sessrec.toml",
        5,
        "settings of the session recorder",
        _section("SYNOPSIS", [_escaped(CONFIG_FILE)]),
        _section(
            "DESCRIPTION",
            _prose(
                f"A TOML document with three tables: [{SECTION}] for those who record themselves, [{HOST_SECTION}] "
                f"for a host that records logins, [{STORE_SECTION}] for those whose store is in Elasticsearch. "
                "A mistake, an unknown name included, is an error with its line for "
                "those who read that table."
                f"\n\n[{SECTION}] is read at the start of every recording by `sessrec rec`, of which an option wins "
                f"over the file, and the file over the default. [{HOST_SECTION}] is read by both services at their "
                "start; restart them after a change, sessions go on meanwhile. The login shell reads it where nobody "
                f"answers. No variable of the environment changes a setting of these two. [{STORE_SECTION}] is read "
                "by every command with --store elasticsearch or an address; SESSREC_STORE_API_KEY, or "
                "SESSREC_STORE_USERNAME and SESSREC_STORE_PASSWORD, come before what it says of who we are."
            ),
        ),
        _section(f"SETTINGS OF [{SECTION}]", _settings(TABLE)),
        _section(f"SETTINGS OF [{HOST_SECTION}]", _settings(HOST_TABLE)),
        _section(f"SETTINGS OF [{STORE_SECTION}]", _settings(STORE_TABLE)),
        _section("EXAMPLES", [_example(EXAMPLE), ".PP\n", _example(HOST_EXAMPLE)]),
        _see_also(["sessrec", "sessrec-rec", "sessrec-host"]),
    )


def _server_installer() -> str:
    parser = install.parser()
    return _page(
        SERVER_INSTALLER,
        8,
        "puts session recording into a FreeIPA server, or takes it out again",
        _section("SYNOPSIS", [_usage(parser)]),
        _section("DESCRIPTION", _prose(install.__doc__ or "")),
        _section("OPTIONS", _options(parser)),
        _see_also(["sessrec-host"]),
    )


def _settings(table: Mapping[str, Setting]) -> list[str]:
    return [
        _item(f"{_bold(setting.name)} = {_escaped(_form(setting))}", _described(setting))
        for setting in table.values()
        if setting.in_file
    ]


def _form(setting: Setting) -> str:
    """How a value is written in TOML."""
    if isinstance(setting, Choice):
        return " | ".join(f'"{choice}"' for choice in setting.choices)
    if isinstance(setting, Flag):
        return "true | false"
    if isinstance(setting, Seconds):
        return f"SECONDS ({setting.low:g} to {setting.high:g})"
    if isinstance(setting, Size):
        return f"BYTES ({size_text(int(setting.low))} to {size_text(int(setting.high))})"
    if isinstance(setting, Number):
        return f"NUMBER ({setting.low} to {setting.high})"
    if isinstance(setting, Programs):
        return setting.metavar
    return f'"{setting.metavar}"'


def _described(setting: Setting) -> str:
    default = setting.default_text()
    return f"{setting.help} (default: {default})" if default else setting.help


def _usage(parser: argparse.ArgumentParser) -> str:
    usage = parser.format_usage().removeprefix("usage: ")
    return _escaped(" ".join(usage.split()))


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Every argument of a parser; the commands below it with their own."""
    formatter = parser._get_formatter()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            described = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, below in action.choices.items():
                yield f".SS {_escaped(below.prog)}\n"
                yield from _prose(below.description or described.get(name, ""))
                yield from [".PP\n", _usage(below), "\n"]
                yield from _options(below)
            continue
        value = "" if action.nargs == 0 else formatter._format_args(action, action.dest.upper())
        names = ", ".join(_bold(option) for option in action.option_strings)
        tag = f"{names} {_italic(value)}".strip() if names else _italic(value)
        yield _item(tag, formatter._expand_help(action) if action.help else "")


def _page(name: str, section: int, about: str, *sections: str) -> str:
    day = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    head = (
        f'.TH {_escaped(name.upper())} {section} {time.strftime("%Y-%m-%d", day)} "sessrec {VERSION}"\n.nh\n.ad l\n'
    )
    return head + _section("NAME", [f"{_escaped(name)} \\- {_escaped(about)}"]) + "".join(sections)


def _section(title: str, parts: Iterable[str]) -> str:
    return f".SH {title}\n" + "".join(parts).rstrip("\n") + "\n"


def _see_also(names: list[str]) -> str:
    return _section("SEE ALSO", [", ".join(f"{_bold(name)}(1)" for name in names)])


def _item(tag: str, text: str) -> str:
    return f".TP\n{tag}\n{_filled(text)}\n"


def _prose(text: str) -> Iterator[str]:
    """Paragraphs; lines that are indented are an example and stay as they are."""
    for number, paragraph in enumerate(textwrap.dedent(text).strip("\n").split("\n\n")):
        if number:
            yield ".PP\n"
        for indented, lines in groupby(paragraph.splitlines(), lambda line: line.startswith(" ")):
            if indented:
                yield _example("\n".join(lines))
            else:
                yield _filled(" ".join(lines)) + "\n"


def _example(text: str) -> str:
    lines = (_escaped(line) for line in textwrap.dedent(text).splitlines())
    return "\n".join([".RS 4", ".nf", *lines, ".fi", ".RE\n"])


def _filled(text: str) -> str:
    """Text of any length in short lines, what stands in backquotes bold."""
    lines = textwrap.wrap(text, 78, break_long_words=False, break_on_hyphens=False)
    quoted = False
    marked = []
    for line in lines:
        parts = line.split("`") if text.count("`") % 2 == 0 else [line]
        shown = ""
        for index, part in enumerate(parts):
            quoted ^= index > 0
            shown += _bold(part) if quoted and part else _escaped(part)
        marked.append(shown)
    return "\n".join(marked)


def _bold(text: str) -> str:
    return f"\\fB{_escaped(text)}\\fP"


def _italic(text: str) -> str:
    return f"\\fI{_escaped(text)}\\fP" if text else ""


def _escaped(line: str) -> str:
    """Text that roff prints as it is: its escape character, real hyphens, no request at the start of a line."""
    line = line.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{line}" if line.startswith((".", "'")) else line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
