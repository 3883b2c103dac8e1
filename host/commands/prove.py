"""Log in as a user on this host, and show that the recording arrived: complete, signed by the host's key.

Root needs no password for that. The session prints a random word and ends; the word has to be found in the recording.
Nothing is left behind but the recording, and what a login leaves (wtmp, the user's own start files).

With --store it has to arrive in Elasticsearch as well, by the log server that sends it there. Who may only add
messages can ask for that, as SESSREC_STORE_USERNAME and SESSREC_STORE_PASSWORD say or [store] in sessrec.toml(5);
what has not arrived when it is asked for is added then.

exit status:
  0 proven, 1 not proven: one line says at which point, 2 wrong usage

examples:
  sessrec host prove alice
"""

import argparse
import json

from recorder.errors import SessrecError

HELP = "log in as a user, and show that the recording arrived"


class WrongStoreError(SessrecError):
    """The store is a file."""

    exit_status = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The user, and how to print."""
    parser.add_argument("user", metavar="USER", help="who is to log in")
    parser.add_argument("--json", action="store_true", help="print one JSON object with all that was found")
    parser.add_argument("--store", metavar="URL", help="a store, https://HOST:9200/PREFIX")


def run(args: argparse.Namespace) -> int:
    """Prove it; raises ProofError where that fails."""
    from auditor.elasticsearch.address import Address
    from auditor.log_servers.plain_bulk import PlainBulk
    from auditor.output.printable import printable
    from host.proof import prove

    store = Address.read(args.store) if args.store else None
    if args.store and not store:
        raise WrongStoreError("name a store in Elasticsearch: --store https://HOST:9200/PREFIX")
    found = {}
    try:
        for name, text in prove(args.user, store=PlainBulk(store) if store else None):
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
