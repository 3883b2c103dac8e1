"""The key that signs recordings, and the keys of others that are trusted.

A user's own key is created at the first recording. Recordings are verified with the public keys: the user's own, and
those in the directory `keys` beside it. Keep the private key to yourself: whoever has it can sign in your name.

examples:
  sessrec key show                    the key's id, when it was created, and where it lies
  sessrec key export > alice.pub      the public key, for those who verify your recordings
  sessrec key trust alice.pub         believe what this key has signed
  sessrec key create --replace        a new key; the old one still verifies what it has signed
"""

import argparse
import json
import sys
import time
from pathlib import Path

from recorder import signing_key
from recorder.paths import user_key_file
from recorder.signing_key import KeyFileError, SigningKey
from recorder.trusted_keys import trust

HELP = "show, create, export and trust the keys that sign recordings"


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
        key = signing_key.load_public(args.public)
        print(f"trusted: {key.key_id}, in {trust(key, path)}")
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


def _show(key: SigningKey, path: Path) -> None:
    for name, value in _description(key, path).items():
        print(f"{name + ':':<12}{value if name != 'created' else _local_time(key.created)}")


def _description(key: SigningKey, path: Path) -> dict[str, object]:
    """What `--json` prints: `public_key` is the key's 32 bytes in hex, `created` seconds since 1970."""
    public = key.public
    return {"key": key.key_id, "public_key": public.raw.hex(), "created": key.created, "path": str(path)}


def _local_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(seconds))
