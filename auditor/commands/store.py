"""Make a store in Elasticsearch, or see how one is doing. A store in a file needs neither.

setup   index templates, and the first indices behind their aliases. Run again it changes nothing that is there,
        takes new fields into the mappings, and begins a new index where the last has more than 30 GB or 30 days.
status  what there is, and what is wrong. Exit status 1 when something is.
log-server NAME
        print the configuration of a log server that puts messages into the store: rsyslog, fluent-bit, fluentd,
        logstash or vector, with the address of --store in it.
resend FILE
        send what rsyslog has put aside into FILE while Elasticsearch answered with errors. As often as one likes:
        what is there stays as it is.
kibana  print data views, saved searches and a dashboard for Kibana, to be imported there. --player-url says where
        `{{value}}` is the recording to play, such as https://player.example.test/play/{{value}}.

Every Elasticsearch 8 will do. Of a full one setup can use more, where the license has it:
  --ilm          indices roll over by themselves, and with --keep-days those of messages and texts are deleted
  --data-stream  messages are a data stream rather than an alias
  --wildcard     any part of a line is found in Kibana as well, by text.wildcard

Who we are for Elasticsearch stands in [store] of the configuration, see sessrec.toml(5), or in the environment:
SESSREC_STORE_API_KEY, or SESSREC_STORE_USERNAME and SESSREC_STORE_PASSWORD.

examples:
  sessrec store setup --store https://search.example.test:9200/sessrec
  sessrec store status --store https://search.example.test:9200/sessrec
  sessrec store log-server rsyslog --store https://search.example.test:9200/sessrec > rsyslog.conf
  sessrec store kibana --player-url 'https://player.example.test/play/{{value}}' > objects.ndjson
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.output.listing import print_json, print_line, print_table
from auditor.recordings.store_name import METAVAR, store_name
from recorder.errors import SessrecError

if TYPE_CHECKING:
    from auditor.elasticsearch.address import Address
    from auditor.elasticsearch.server import Server

HELP = "make a store in Elasticsearch, or see how one is doing"


class NoServerError(SessrecError):
    """The store is a file, or none was named."""

    exit_status = 2


class NoClientError(SessrecError):
    """Recorded hosts have what sends to a store, and nothing that looks into one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sessrec store`."""
    parser.add_argument("action", choices=("setup", "status", *_WITH_NAME, "kibana"), metavar="ACTION")
    parser.add_argument("name", nargs="?", metavar="NAME|FILE", help="of log-server, and of resend")
    parser.add_argument("--replicas", type=int, default=1, metavar="N", help="copies of each index (default: 1)")
    parser.add_argument("--shards", type=int, default=1, metavar="N", help="parts of each index (default: 1)")
    parser.add_argument("--ilm", action="store_true", help="let Elasticsearch roll indices over by itself")
    parser.add_argument(
        "--keep-days", type=int, default=0, metavar="N", help="with --ilm: delete indices after so many days"
    )
    parser.add_argument("--data-stream", action="store_true", help="keep messages in a data stream")
    parser.add_argument("--wildcard", action="store_true", help="index lines as wildcard fields, too")
    parser.add_argument("--json", action="store_true", help="status as one JSON object")
    parser.add_argument(
        "--player-url", metavar="URL", help="of kibana: where recordings are played (default: no links are made)"
    )
    parser.add_argument("--store", type=store_name, metavar=METAVAR, help="the store, https://HOST:9200/PREFIX")


def run(args: argparse.Namespace) -> int:
    """Exit status 0, of status 1 where something is wrong."""
    if (args.name is not None) != (args.action in _WITH_NAME):
        raise NoServerError(f"write sessrec store {args.action}{_WITH_NAME.get(args.action, '')}")
    if args.action == "log-server":
        return _log_server(args)
    if args.action == "kibana":
        return _kibana(args)
    if args.store is None or isinstance(args.store, Path):
        raise NoServerError("name the store: --store https://HOST:9200/PREFIX; one in a file needs no setup")
    if args.action == "resend":
        return _resend(args.store, Path(args.name))
    try:
        from auditor.elasticsearch.connection import connect
        from auditor.elasticsearch.server import Server
    except ModuleNotFoundError as error:
        raise NoClientError(
            f"sessrec store {args.action} needs {error.name}, which is not installed: run it where the auditors' "
            "package and the Python package elasticsearch are"
        ) from error
    server = Server(connect(args.store), args.store)
    try:
        if args.action == "setup":
            return _setup(server, args.store, args)
        return _status(server, args.json)
    finally:
        server.close()


_WITH_NAME = {"log-server": " NAME", "resend": " FILE"}
"""Actions that need a name, and how that is written in a message."""


def _log_server(args: argparse.Namespace) -> int:
    from auditor.log_servers.configuration import configuration

    sys.stdout.write(configuration(args.name, _address(args)))
    return 0


def _kibana(args: argparse.Namespace) -> int:
    from auditor.elasticsearch.address import PREFIX

    try:
        from auditor.kibana.objects import saved_objects
    except ModuleNotFoundError as error:
        raise NoClientError("sessrec store kibana needs the auditors' package: run it where that is") from error

    address = _address(args)
    for each in saved_objects(address.prefix if address else PREFIX, args.player_url):
        print_json(each)
    return 0


def _resend(address: "Address", path: Path) -> int:
    from auditor.log_servers.plain_bulk import PlainBulk
    from auditor.log_servers.put_aside import resend

    resent = resend(PlainBulk(address), path)
    parts = [f"{resent.stored} messages sent again", f"{resent.known} were there already"]
    if resent.torn:
        parts.append(f"{resent.torn} requests that rsyslog did not write to their end")
    if resent.refused:
        parts.append(f"{resent.refused} refused (see `sessrec list --quarantined`)")
    print_line(", ".join(parts))
    return 0


def _address(args: argparse.Namespace) -> "Address | None":
    """What --store names, where what is printed does not need a server."""
    if isinstance(args.store, Path):
        raise NoServerError("name a store in Elasticsearch: --store https://HOST:9200/PREFIX")
    address: Address | None = args.store
    return address


def _setup(server: "Server", address: "Address", args: argparse.Namespace) -> int:
    from auditor.elasticsearch.setup import Options, setup

    if args.keep_days and not args.ilm:
        raise NoServerError("--keep-days needs --ilm: nothing else deletes indices")
    options = Options(
        ilm=args.ilm,
        data_stream=args.data_stream,
        wildcard=args.wildcard,
        keep_days=args.keep_days,
        replicas=args.replicas,
        shards=args.shards,
    )
    for line in setup(server.client, address, options):
        print_line(line)
    return 0


def _status(server: "Server", as_object: bool) -> int:
    from auditor.elasticsearch.status import status

    found = status(server)
    if as_object:
        print_json(asdict(found))
    else:
        print_line(f"Elasticsearch {found.version} at {server.address}: {found.health}")
        counts = ["?" if each < 0 else str(each) for each in (found.recordings, found.unsettled, found.refused)]
        print_line(f"{counts[0]} recordings, {counts[1]} of them not settled, {counts[2]} dead letters")
        rows = [
            (kind, str(found.indices[kind]), str(found.documents[kind]), f"{found.sizes[kind] / 1e6:.1f}")
            for kind in found.documents
        ]
        print_table(("KIND", "INDICES", "DOCUMENTS", "MB"), rows, right=frozenset({1, 2, 3}))
        for problem in found.problems:
            print_line(f"problem: {problem}")
    return 1 if found.problems else 0
