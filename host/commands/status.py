"""Say whether every part of session recording on this host is up, and what would happen if a user logged in now.

Each part is ok, or has a warning, or is critical: then sessions are not recorded, or logins fail. It shows what is
recorded now, when policies were last read and from where, and what was lost.

exit status:
  0 all is well, 1 a warning, 2 critical (and wrong usage), 3 nobody can say (as without root), as monitoring systems
  expect it

examples:
  sessrec host status
  sessrec host status alice
"""

import argparse
import json
import shlex
from typing import Any

HELP = "say whether every part is up, and what would happen if a user logged in now"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whom to look at, and how to print."""
    parser.add_argument("user", nargs="?", default="", metavar="USER", help="say as well how his login would go")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Look and print; the gravest finding is the exit status. Raises UnknownStatusError."""
    import os

    from host.ask import AskError, ask
    from host.install_layout import RUN
    from host.status import status
    from host.status_check import CRITICAL, LEVELS, Check, UnknownStatusError

    if os.geteuid() != 0:
        raise UnknownStatusError("must be run as root")
    try:
        found = status(args.user)
    except OSError as error:
        raise UnknownStatusError(f"nobody can say how session recording is: {error}") from error
    decision: dict[str, Any] | None = None
    checks = found.checks
    if args.user:
        try:
            decision = ask(RUN / "responder.socket", {"ask": "what-if", "user": args.user})
        except AskError as error:
            checks = [*checks, Check("user", CRITICAL, str(error), f"id {shlex.quote(args.user)}")]
    level = max((check.level for check in checks), key=LEVELS.index)
    if args.json:
        sessions = [one.described() for one in found.sessions]
        lines = [check._asdict() for check in checks]
        document = {"level": level, "checks": lines, "sessions": sessions, "responder": found.responder}
        print(json.dumps({**document, **({"user": decision} if args.user else {})}))
    else:
        _show(checks, decision)
    return LEVELS.index(level)


def _show(checks: list[Any], decision: dict[str, Any] | None) -> None:
    from auditor.output.printable import printable

    for check in checks:
        print(f"{check.level:<9} {check.name:<10} {printable(check.text)}")
    if decision:
        print()
        for line in _login(decision):
            print(printable(line))


def _login(decision: dict[str, Any]) -> list[str]:
    """What would happen, in sentences."""
    user, policies = decision["user"], ", ".join(decision.get("policies") or [])
    by = f"by policy {policies}" if policies else "since no policy applies to him"
    shell = f"{user}'s shell is {decision['shell']}"
    if not decision["record"]:
        return [f"{user} would not be recorded, {by}", shell]
    settings = decision.get("settings") or {}
    lines = [
        f"{user} would be recorded, {by}: {', '.join(settings.get('capture') or [])}",
        f"audited: {', '.join(settings.get('audit') or ['none'])}",
        f"when it cannot be recorded: {settings.get('on_failure')}",
    ]
    if settings.get("notice"):
        lines.append(f"he is shown: {settings['notice']}")
    return [*lines, shell]
