"""Log in as a user on this host, and show that the recording arrived: complete, signed by the host's key.

Root needs no password for that. The session prints a random word and ends; the word has to be found in the recording.
Nothing is left behind but the recording, and what a login leaves (wtmp, the user's own start files).

exit status:
  0 proven, 1 not proven: one line says at which point, 2 wrong usage

examples:
  sessrec host prove alice
"""

import argparse
import json

HELP = "log in as a user, and show that the recording arrived"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The user, and how to print."""
    parser.add_argument("user", metavar="USER", help="who is to log in")
    parser.add_argument("--json", action="store_true", help="print one JSON object with all that was found")


def run(args: argparse.Namespace) -> int:
    """Prove it; raises ProofError where that fails."""
    from auditor.output.printable import printable
    from host.proof import prove
    from recorder.errors import SessrecError

    found = {}
    try:
        for name, text in prove(args.user):
            found[name] = text
            if not args.json:
                print(f"{name:<10} {printable(text)}", flush=True)
    except SessrecError as error:
        if not args.json:
            print("NOT PROVEN", flush=True)
            raise
        print(json.dumps({"user": args.user, "proven": False, "problem": str(error), **found}))
        return 1
    if args.json:
        print(json.dumps({"user": args.user, "proven": True, **found}))
    else:
        print(f"PROVEN     a login of {args.user} is recorded")
    return 0
