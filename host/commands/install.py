"""Put session recording in place on this host, bring it up to date, or take it out again.

Run as root, from a checkout or by the `sessrec` that it has placed. Running it again repairs what an interrupted run
left, and changes nothing where all is as it should be. A mistake in config.toml or policies.toml is told before
anything is changed. Everybody's shell is changed last, when both services answer and a login has been tried. A new
version that does not answer gives way to the one before. Nobody who is logged in is disturbed.

exit status:
  0 it is in place; 1 it cannot be done, or with --check, something differs; 2 wrong usage

examples:
  sessrec host install
  sessrec host install --check        what would be done, for monitoring and configuration management
  sessrec host install --uninstall    everything as it was, but for recordings and the host's key
  sessrec host install --test-user alice --confirm-within 60    from afar: log in again meanwhile, then
  sessrec host install --confirm      which stops the way back
"""

import argparse
import os
import sys

from host.install_error import InstallError

HELP = "put session recording in place on this host, or take it out again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="say what differs, and change nothing")
    what.add_argument("--uninstall", action="store_true", help="take it out, and leave the host as it was before")
    what.add_argument("--confirm", action="store_true", help="with --confirm-within before: logins work, leave it in")
    parser.add_argument(
        "--test-user",
        metavar="USER",
        help="before everybody's shell is changed for the first time, have USER log in, and go on only if that is "
        "recorded and verified",
    )
    parser.add_argument(
        "--confirm-within",
        metavar="SECONDS",
        type=int,
        help="where everybody's shell is changed for the first time: take all out again after this time, unless "
        "--confirm comes before",
    )
    parser.add_argument(
        "--purge",
        action="store_true",
        help="with --uninstall: delete the host's key, its configuration, local policies and the recordings in "
        "/var/lib/session-recording as well",
    )


def run(args: argparse.Namespace) -> int:
    """Install, check or uninstall; raises InstallError."""
    from host import install_files, install_trial
    from host.install import Installation
    from host.install_layout import Layout
    from host.install_system import System

    if args.purge and not args.uninstall:
        raise InstallError("--purge goes with --uninstall")
    if args.confirm_within is not None and not install_trial.LEAST <= args.confirm_within <= install_trial.MOST:
        raise InstallError(f"--confirm-within is {install_trial.LEAST} to {install_trial.MOST} seconds")
    if os.geteuid() != 0:
        raise InstallError("must be run as root")
    os.umask(0o022)
    if args.confirm:
        _say("Confirmed." if install_trial.confirm() else "There is nothing to confirm.")
        return 0

    def before_first() -> None:
        if args.test_user:
            install_trial.try_login(args.test_user, _say)
        if args.confirm_within:
            install_trial.arm(args.confirm_within)
            _say(f"All is taken out again in {args.confirm_within} s, unless `sessrec host install --confirm` is run")

    layout = Layout()
    try:
        with install_files.alone(layout):
            installation = Installation(layout, System())
            if args.check:
                return 0 if installation.check(_say) else 1
            if args.uninstall:
                installation.uninstall(_say, args.purge)
                install_trial.disarm()
            else:
                installation.install(_say, before_first)
    except BlockingIOError:
        raise InstallError("it is running already") from None
    except KeyboardInterrupt:
        print("sessrec: interrupted; run this again to finish", file=sys.stderr)
        return 130
    return 0


def _say(line: str) -> None:
    print(line, flush=True)
