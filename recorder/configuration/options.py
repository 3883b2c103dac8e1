"""The options of `sessrec rec` as argparse knows them: for `--help`, man pages, and as the parser's own check."""

import argparse
from collections.abc import Callable

from recorder.configuration.setting_kinds import Flag, Setting
from recorder.configuration.settings import TABLE

USAGE = "sessrec rec [OPTION]... [--] [COMMAND [ARGUMENT]...]"


def help_text(description: str) -> str:
    """What `sessrec rec --help` prints."""
    parser = argparse.ArgumentParser(
        prog="sessrec rec",
        description=description.strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    return parser.format_help()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Every setting as an option, and the command to record; what is not given is not in the namespace."""
    parser.usage = USAGE
    for setting in TABLE.values():
        described = setting.help.replace("%", "%%")
        if isinstance(setting, Flag):
            parser.add_argument(
                setting.option,
                action=argparse.BooleanOptionalAction,
                default=argparse.SUPPRESS,
                help=f"{described} (default: {'on' if setting.default else 'off'})",
            )
            continue
        default = setting.default_text().replace("%", "%%")
        names = [f"-{setting.short}"] if setting.short else []
        parser.add_argument(
            *names,
            setting.option,
            metavar=setting.metavar,
            type=_converter(setting),
            default=argparse.SUPPRESS,
            help=f"{described} (default: {default})" if default else described,
        )
    parser.add_argument(
        "command",
        metavar="COMMAND",
        nargs=argparse.REMAINDER,
        help="what to run on the recorded terminal, with its arguments (default: the user's shell)",
    )


def _converter(setting: Setting) -> Callable[[str], object]:
    def convert(text: str) -> object:
        try:
            return setting.from_option(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert
