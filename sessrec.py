"""The command `sessrec`: finds the verb's module and runs it.

Verbs are named here as text and imported one at a time: a recorded host may have `recorder` only, and
`sessrec rec` stands between a person and the shell, where every import is waited for.
"""

import gc
import os
import sys

from recorder.errors import SessrecError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from types import ModuleType

VERBS = {
    "rec": "recorder.commands.rec",
    "key": "recorder.commands.key",
    "audit-json": "recorder.commands.audit_json",
    "doctor": "recorder.commands.doctor",
    "verify": "auditor.commands.verify",
    "ingest": "auditor.commands.ingest",
    "list": "auditor.commands.list",
    "show": "auditor.commands.show",
    "search": "auditor.commands.search",
    "play": "auditor.commands.play",
    "export": "auditor.commands.export",
    "delete": "auditor.commands.delete",
    "hold": "auditor.commands.hold",
    "retention": "auditor.commands.retention",
    "audit-trail": "auditor.commands.audit_trail",
    "store": "auditor.commands.store",
    "rules": "auditor.commands.rules",
    "serve": "auditor.commands.serve",
    "host": "host.commands",
}
"""A verb's module has HELP (one line), a docstring (its description), `add_arguments(parser)` and
`run(args) -> exit status`. `rec`, where argparse costs too much, has `main(argv) -> exit status` instead, and its
options as argparse knows them are in recorder/configuration/options.py. `host`, `rules` and `retention` have VERBS
of their own below them, of the same kind."""

USAGE_ERROR = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
BROKEN_PIPE = 141  # 128 + SIGPIPE


class UsageError(SessrecError):
    """The command line names nothing that can be run."""

    exit_status = USAGE_ERROR


class NotInstalledError(SessrecError):
    """The verb's package, or one that it needs, is not on this machine."""


def command() -> None:
    """A whole process: `main`, and the end that suits the verb. Does not return."""
    # Importing makes many objects and no garbage; looking for it at the usual rate takes 2 ms of every start.
    gc.set_threshold(50_000)
    status = main()
    if sys.argv[1:2] == ["rec"]:
        # The recording is closed, and a person who logs out need not wait 7 ms for an interpreter to be taken apart.
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def main(argv: "list[str] | None" = None) -> int:
    """Run `sessrec ARGV...` (default: the process's own) and return its exit status.

    Errors meant for people are printed as one line; a bad command line of a verb exits as argparse does.
    """
    arguments = sys.argv[1:] if argv is None else argv
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()  # here, where a reader that went away can still be told apart from a bug
    except SessrecError as error:
        _complain(str(error))
        status = error.exit_status
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        status = BROKEN_PIPE
    except OSError as error:
        _drop_output()
        _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
        status = 1
    return status


def load(verb: str, below: "dict[str, str]" = VERBS) -> "ModuleType":
    """The module of one of VERBS, or of those `below` one; raises NotInstalledError, which names what is missing."""
    name = below[verb]
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        package = name.partition(".")[0]
        if missing.partition(".")[0] == package:
            raise NotInstalledError(
                f"'{verb}' is not available here: this installation has no {missing}; "
                f"run it where the {package} is installed (package freeipa-session-recording-{package})"
            ) from error
        raise NotInstalledError(
            f"'{verb}' needs the Python package '{missing}', which is not installed: "
            "install freeipa-session-recording with its dependencies"
        ) from error
    return sys.modules[name]


def parser(verb: str, module: "ModuleType") -> "argparse.ArgumentParser":
    """The argparse parser of a verb; the man pages are made from it as well."""
    import argparse

    if hasattr(module, "main"):
        from recorder.configuration.options import add_arguments
    else:
        add_arguments = module.add_arguments

    made = argparse.ArgumentParser(
        prog=f"sessrec {verb}",
        description=(module.__doc__ or module.HELP).strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(made)
    return made


def add_verbs(parser: "argparse.ArgumentParser", table: "dict[str, str]") -> None:
    """The verbs of a verb that has some below it, as far as they are installed here."""
    import argparse

    verbs = parser.add_subparsers(title="what to do", metavar="VERB", required=True)
    for verb in table:
        try:
            module = load(verb, table)
        except NotInstalledError:
            continue
        below = verbs.add_parser(
            verb,
            help=module.HELP,
            description=(module.__doc__ or module.HELP).strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(below)
        below.set_defaults(run=module.run)


def _dispatch(arguments: list[str]) -> int:
    if not arguments:
        sys.stderr.write(_overview())
        return USAGE_ERROR
    verb, rest = arguments[0], arguments[1:]
    if verb in ("-h", "--help"):
        sys.stdout.write(_overview())
        return 0
    if verb == "--version":
        from recorder.capture.session import VERSION

        sys.stdout.write(f"sessrec {VERSION}\n")
        return 0
    if verb not in VERBS:
        raise UsageError(f"no verb '{verb}'{_suggestion(verb)}; 'sessrec --help' lists them")
    module = load(verb)
    if hasattr(module, "main"):
        return int(module.main(rest))
    below = getattr(module, "VERBS", {})
    if rest and rest[0] in below:
        verb, module, rest = f"{verb} {rest[0]}", load(rest[0], below), rest[1:]
    # What a recording holds need not be in the character set of the auditor's terminal.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    return int(module.run(parser(verb, module).parse_args(rest)))


def _overview() -> str:
    lines = [
        "usage: sessrec VERB ...\n",
        "       sessrec VERB --help\n",
        "       sessrec --version\n\n",
        "Terminal sessions: recorded, searchable by what was seen, playable and provable.\n\n",
    ]
    missing = []
    for verb in VERBS:
        try:
            lines.append(f"  {verb:<11}  {load(verb).HELP}\n")
        except NotInstalledError:
            missing.append(verb)
    if missing:
        lines.append(f"\nNot installed here: {', '.join(missing)}\n")
    return "".join(lines)


def _suggestion(verb: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(verb, VERBS, n=1)
    return f", did you mean '{close[0]}'?" if close else ""


def _drop_output() -> None:
    """What cannot be written now cannot be written at exit, where the interpreter would try again and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> None:
    """One line on standard error; a file name or a recording must not speak to the terminal through it."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    sys.stderr.write(f"sessrec: {line}\n")


if __name__ == "__main__":
    command()
