"""Put session recording into a FreeIPA server, bring it up to date, or take it out again.

Run as root on every server of the topology: `ipa-session-recording-install` of the package, or from a checkout
`ipa_plugin/bin/ipa-session-recording-install`. Running it again repairs what an interrupted run left, and changes
nothing where all is as it should be. On a server that is not configured yet it only places the files;
ipa-server-install and ipa-replica-install take them up.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ipa_plugin import install_files
from ipa_plugin.install_data import InstallError
from ipa_plugin.install_files import Layout, Manifest
from ipa_plugin.install_server import Server, check_version

PROGRAM = "ipa-session-recording-install"
SOURCE = Path(__file__).resolve().parent

EVERY_SERVER = "Run this on every server of the topology; what it stores in the directory is replicated."
REMAINS = "Its schema stays in the directory: other servers may have entries that need it."
CACHE = "Where `ipa` does not know the change yet: rm -rf ~/.cache/ipa"


def main(argv: Sequence[str] | None = None, server: Server | None = None, source: Path = SOURCE) -> int:
    """The whole command, for this machine's server and our own directory; returns the exit status."""
    args = parser().parse_args(argv)
    try:
        if args.unattended and args.uninstall and args.data is None:
            raise InstallError("--uninstall --unattended needs --keep-data or --delete-data")
        if args.data is not None and not args.uninstall:
            raise InstallError("--keep-data and --delete-data go with --uninstall")
        if os.geteuid() != 0:
            raise InstallError("must be run as root")
        os.umask(0o022)
        server = server or Server()
        with install_files.alone(server.layout()):
            (uninstall if args.uninstall else install)(server, source, args)
    except InstallError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    except BlockingIOError:
        print(f"{PROGRAM}: it is running already", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{PROGRAM}: {error}; put that right, then run this again", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted; run this again to finish", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog=PROGRAM, description=(__doc__ or "").partition("\n\n")[0])
    made.add_argument("--unattended", "-U", action="store_true", help="ask nothing")
    made.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    made.add_argument("--force", action="store_true", help="run ipa-server-upgrade and restart whatever has changed")
    made.add_argument("--uninstall", action="store_true", help="take session recording out of this server")
    data = made.add_mutually_exclusive_group()
    data.add_argument(
        "--keep-data",
        dest="data",
        action="store_const",
        const="keep",
        help="with --uninstall: leave policies, sessions, keys, permissions, privileges and roles in the directory",
    )
    data.add_argument(
        "--delete-data", dest="data", action="store_const", const="delete", help="with --uninstall: delete them"
    )
    return made


def install(server: Server, source: Path, args: argparse.Namespace) -> None:
    """Place what differs, and do what follows from that."""
    layout = server.layout()
    warning = check_version(server.version())
    if warning:
        print(f"{PROGRAM}: {warning}", file=sys.stderr)
    placed = install_files.contents(source, layout)
    old = install_files.read_manifest(layout)
    differing, outdated = install_files.differing(placed), install_files.outdated(old, placed)
    now = manifest(server, source, placed, old)
    configured = server.is_configured()
    upgrade = configured and (args.force or now.applied != now.data)
    restart = upgrade or (configured and (bool(differing or outdated) or now.running != now.source))
    verb = "would " if args.dry_run else ""
    for path in differing:
        print(f"{verb}place {path}")
    for path in outdated:
        print(f"{verb}remove {path}")
    if not (differing or outdated or restart):
        print(f"FreeIPA {server.version()} has session recording, and it is up to date: nothing to do.")
    if args.dry_run:
        if restart:
            print("would run ipa-server-upgrade and restart FreeIPA" if upgrade else "would restart the web server")
        return
    if differing or outdated:
        _place(layout, placed, differing, outdated, now)
    if not configured:
        # What is in place is what ipa-server-install will put into the directory.
        now.applied, now.running = now.data, now.source
        install_files.write_manifest(layout, now)
        print("This server is not configured yet: ipa-server-install or ipa-replica-install will do the rest.")
        return
    if upgrade:
        print("running ipa-server-upgrade, about half a minute", flush=True)
        # An upgrade that fails may have done a part of it, also for a version that is placed after this one.
        install_files.write_manifest(layout, replace(now, applied=""))
        server.upgrade()
        now.applied = now.data
        install_files.write_manifest(layout, now)
    if restart:
        print("restarting FreeIPA" if upgrade else "restarting the web server", flush=True)
        (server.restart_server if upgrade else server.restart_web)()
        now.running = now.source
        install_files.write_manifest(layout, now)
        print(f"Session recording is installed. {EVERY_SERVER}\n{CACHE}")


def uninstall(server: Server, source: Path, args: argparse.Namespace) -> None:
    """Remove the code, and the data if that is wanted."""
    layout = server.layout()
    old = install_files.read_manifest(layout)
    ours = {*old.files, *map(str, install_files.contents(source, layout))}
    paths = install_files.outdated(Manifest(files=sorted(ours)), {})
    configured = server.is_configured()
    entries = server.find_data() if configured and args.data != "keep" else []
    if not (paths or entries or old.files):
        print("Session recording is not installed here: nothing to do.")
        return
    delete = bool(entries) and (args.data == "delete" or (not args.dry_run and _confirmed(len(entries))))
    if args.dry_run:
        for entry in entries if delete else []:
            print(f"would delete {entry}")
        for path in paths:
            print(f"would remove {path}")
        return
    if delete:
        server.delete_data(entries)
        print(f"deleted {len(entries)} entries, on all servers")
    install_files.remove(paths)
    print(f"removed {len(paths)} files")
    if configured and (paths or old.files):
        print("restarting the web server", flush=True)
        server.restart_web()
    install_files.remove([layout.manifest])
    print(f"Session recording is uninstalled from this server. {REMAINS}")
    if configured and not delete:
        print("Policies, permissions and roles stay in the directory, and hosts still read them.")


def manifest(server: Server, source: Path, placed: Mapping[Path, bytes], old: Manifest) -> Manifest:
    """What the manifest says once all is in place; loading the plugins only if they are others than before."""
    now = replace(old, files=sorted(map(str, placed)), source=install_files.digest(placed))
    if now.source == old.source:
        return now
    layout = server.layout()
    gone = [path.stem for path in install_files.outdated(old, placed) if path.parent == layout.plugins]
    permissions = server.load_plugins(source, gone)
    directory = {path: content for path, content in placed.items() if path.parent in (layout.schema, layout.updates)}
    now.data = install_files.digest(directory, permissions)
    return now


def _place(
    layout: Layout, placed: Mapping[Path, bytes], differing: list[Path], gone: list[Path], now: Manifest
) -> None:
    """Place and remove, with a manifest before that knows both, so that a run after an interruption knows all."""
    now.running = ""
    both = replace(now, files=sorted({*now.files, *map(str, gone)}), source="")
    install_files.write_manifest(layout, both)
    install_files.place(differing, placed)
    install_files.remove(gone)
    install_files.write_manifest(layout, now)


def _confirmed(count: int) -> bool:
    """Whether the person at the terminal wants the data deleted; no is what a mere Enter says."""
    question = (
        f"Delete the {count} entries of session recording in the directory too (policies, configuration, sessions, "
        "hosts' keys that prove recordings, permissions, privileges, roles), for all servers of the topology? [no]: "
    )
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        raise InstallError("nobody answers: say --keep-data or --delete-data") from None


if __name__ == "__main__":
    sys.exit(main())
