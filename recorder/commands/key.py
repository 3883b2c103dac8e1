"""The key that signs recordings, and the keys of others that are trusted.

A user's own key is created at the first recording. Recordings are verified with the public keys: the user's own, and
those in the directory `keys` beside it. Keep the private key to yourself: whoever has it can sign in your name.

Hosts that record logins have keys of their own, and put the public halves into FreeIPA's directory, which says since
when it has them. Auditors of session recording fetch them from there with their Kerberos ticket. Such a key proves
recordings of its host only, and none that begin before the directory had it.

examples:
  sessrec key show                    the key's id, when it was created, and where it lies
  sessrec key export > alice.pub      the public key, for those who verify your recordings
  sessrec key trust alice.pub         believe what this key has signed
  sessrec key fetch                   believe what the keys of all hosts in FreeIPA have signed
  sessrec key fetch web1.example.test
  sessrec key trust web1.pub --host web1.example.test
                                      believe a host's key without FreeIPA
  sessrec key create --replace        a new key; the old one still verifies what it has signed
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from recorder.keys import signing_key
from recorder.keys.signing_key import KeyFileError, PublicKey, SigningKey
from recorder.keys.trusted_keys import file_of, hosts, of_host, trust, trust_latest
from recorder.paths import user_key_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from recorder.keys.host_directory import HostKeys

HELP = "show, create, export, trust and fetch the keys that sign recordings"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command for each thing to do with a key."""
    verbs = parser.add_subparsers(title="what to do", dest="action", metavar="ACTION", required=True)
    show = verbs.add_parser("show", help="print the key's id, public key, creation and path")
    show.add_argument("--json", action="store_true", help="print it as one JSON object")
    create = verbs.add_parser("create", help="make a new key")
    create.add_argument(
        "--replace",
        action="store_true",
        help="where there is a key: keep its public half among the trusted keys, and delete its private half",
    )
    verbs.add_parser("export", help="print the public key as a file that others can trust")
    trusting = verbs.add_parser("trust", help="believe what a public key has signed")
    trusting.add_argument("public", type=Path, metavar="FILE", help="a file that `sessrec key export` has written")
    trusting.add_argument("--host", metavar="NAME", help="only what it has signed as the key of this host")
    fetch = verbs.add_parser("fetch", help="believe what the keys of hosts in FreeIPA have signed")
    fetch.add_argument("hosts", nargs="*", metavar="HOST", help="of these hosts only (default: of all)")
    fetch.add_argument("--server", metavar="NAME", help="the FreeIPA server (default: as this machine is enrolled)")
    fetch.add_argument("--json", action="store_true", help="print one JSON object a key")
    for verb in verbs.choices.values():
        verb.add_argument("--key", type=Path, metavar="FILE", help="the private key (default: the user's own)")


def run(args: argparse.Namespace) -> int:
    """Do what `args.action` says."""
    path: Path = args.key if args.key is not None else user_key_file()
    if args.action == "create":
        _show(_create(path, args.replace), path)
    elif args.action == "export":
        sys.stdout.write(signing_key.load(path).public.file_text().decode())
    elif args.action == "trust":
        key = _bound(signing_key.load_public(args.public), args.host)
        print(f"trusted: {key.key_id}, in {trust(key, path)}")
    elif args.action == "fetch":
        return _fetch(args, path)
    elif args.json:
        print(json.dumps(_description(signing_key.load(path), path)))
    else:
        _show(signing_key.load(path), path)
    return 0


def _create(path: Path, replace: bool) -> SigningKey:
    if replace and path.exists():
        # First of all, or an end in between would leave recordings that nothing verifies.
        trust(signing_key.load(path).public, path)
    try:
        return signing_key.create(path, replace=replace)
    except FileExistsError as error:
        raise KeyFileError(
            f"{path} exists: --replace makes a new key and keeps the old one to verify with"
        ) from error


def _bound(key: PublicKey, host: str | None) -> PublicKey:
    """The key, bound to a host where one is named."""
    if host is None:
        return key
    name = signing_key.host_name(host)
    if name is None or key.host not in ("", name):
        raise KeyFileError(f"this is the key of {key.host}" if name else f"{host!r} is not the name of a host")
    return PublicKey(key.raw, key.created, name)


def _fetch(args: argparse.Namespace, path: Path) -> int:
    """Trust what the directory has, and say what is new, what has changed, and what it has no more."""
    from recorder.keys import host_directory

    found = host_directory.fetch(args.hosts, args.server)
    new = 0
    for key in found.keys:
        before = trust_latest(key, path)
        new += before is None
        if args.json:
            print(json.dumps({"host": key.host, "key": key.key_id, "created": key.created, "new": before is None}))
        elif before is None:
            print(f"trusted: {key.key_id} of {key.host}, for what begins after {_local_time(key.created)}")
        elif before.created < key.created:
            print(
                f"changed: {key.key_id} of {key.host}, in the directory since {_local_time(key.created)}, "
                f"and trusted from {_local_time(before.created)} until now"
            )
    warnings = [*_refused(found), *_missing(found, path)]
    for warning in warnings:
        print(f"sessrec: {warning}", file=sys.stderr)
    having = {key.host for key in found.keys}
    if not args.json:
        print(f"{len(found.keys)} keys of {len(having)} hosts, {new} of them new")
    return int(not having.issuperset(found.asked))


def _refused(found: "HostKeys") -> Iterator[str]:
    for host, count in sorted(found.refused.items()):
        printable = host.encode("unicode_escape").decode()[:300]
        yield f"left out: {count} entries of {printable} that are no keys, or too many (see `ipa recordingkey-find`)"


def _missing(found: "HostKeys", path: Path) -> Iterator[str]:
    """Hosts without a key, and keys that are trusted as a host's although the directory does not have them."""
    for host in sorted(found.asked.difference(key.host for key in found.keys)):
        yield f"{host} has no key in the directory"
    files = {file_of(key, path) for key in found.keys}
    for host in found.asked or hosts(path):
        for file in of_host(host, path):
            if file not in files:
                yield f"not in the directory: {file.stem} of {host}; delete {file} if it is not to be trusted"


def _show(key: SigningKey, path: Path) -> None:
    for name, value in _description(key, path).items():
        print(f"{name + ':':<12}{value if name != 'created' else _local_time(key.created)}")


def _description(key: SigningKey, path: Path) -> dict[str, object]:
    """What `--json` prints: `public_key` is the key's 32 bytes in hex, `created` seconds since 1970."""
    public = key.public
    return {"key": key.key_id, "public_key": public.raw.hex(), "created": key.created, "path": str(path)}


def _local_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(seconds))
