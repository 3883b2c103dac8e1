"""`make demo`: record a session, find it, play it.

At a terminal the session is that of whoever sits there; elsewhere a bash is driven by a script. All that comes after
is done by the command `sessrec`, each line shown before its output, and checked: the exit status is 0 only if
everything gave what it should. The data lie in .demo/ of the checkout; what an earlier run left there is removed.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from demo import scripted
from demo.failure import DemoFailed, expect
from demo.tour import Tour

ROOT = Path(__file__).resolve().parent.parent
SESSREC = Path(sys.executable).with_name("sessrec")

MARK = "SESSREC_DEMO"
"""Set in the recorded session, so that a demonstration within the demonstration does not take its data away."""

SUGGESTIONS = """\
It is your own bash, and all of it is recorded until you leave it. You could
  - print something in colour:              ls --color=always /
  - edit a command with the arrow keys before you press Enter
  - open an editor or a pager, and change the size of the window
  - type a password where none is shown:    read -s -p 'Password: '
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demonstration; 0 if everything gave what it should, 1 with a line about what did not."""
    args = _arguments(argv)
    try:
        data = _empty_directory(args.data)
        if sys.stdin.isatty() and sys.stdout.isatty():
            _own_session(Tour(SESSREC, data))
        else:
            _scripted_session(Tour(SESSREC, data))
    except DemoFailed as failure:
        sys.stdout.flush()
        sys.stderr.write(f"demo failed: {failure}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo/session.py", description="Record a session, find it, play it.")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="a directory that is empty or does not exist, instead of .demo"
    )
    return parser.parse_args(argv)


def _empty_directory(named: Path | None) -> Path:
    """Where the data go. Removed is only what earlier demonstrations left in .demo."""
    expect(MARK not in os.environ, "this is the recorded session; leave it with 'exit' first")
    data = ROOT / ".demo" if named is None else named.resolve()
    try:
        if named is None and data.exists():
            shutil.rmtree(data)
            print("The recordings of the last demonstration, in .demo, have been removed.")
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        expect(not any(data.iterdir()), f"{data} is not empty")
    except OSError as error:
        raise DemoFailed(f"{data} cannot be used: {error}") from error
    return data


def _own_session(tour: Tour) -> None:
    tour.title("Record a session")
    print(SUGGESTIONS)
    print("Type exit when done.\n")
    tour.command("rec --input -- bash")
    subprocess.run([str(SESSREC), "rec", "--input", "--", "bash"], env={**tour.environment, MARK: "1"}, check=False)
    rec = tour.listed()
    command = tour.last_command(rec)
    if command is not None:
        tour.title("Search for what was run")
        tour.found(f"cmd:{command}", command, kind="command")
    tour.verified(rec)
    tour.played(rec)
    tour.served(rec)
    tour.farewell(rec, command or "exit")


def _scripted_session(tour: Tour) -> None:
    tour.title("Record a session")
    tour.command("rec --input -- bash")
    print("Nobody is at a terminal here, so a bash on a terminal of its own is typed to:")
    session = scripted.drive(
        [str(SESSREC), "rec", "--input", "--", "bash"],
        {**tour.variables, MARK: "1"},
        tour.data / "home",
        lambda step: print(f"  - {step}", flush=True),
    )
    expect(session.status == 0, f"the session ended with status {session.status}")
    rec = tour.listed()
    tour.resized(rec, 100, 30)
    tour.title("Search for what was seen, however it was printed")
    tour.not_in_raw(rec, scripted.SPLIT_WORD)
    tour.found(scripted.SPLIT_WORD, f"web3: {scripted.SPLIT_WORD}, giving up", kind="printed")
    tour.title("Search for a command as it was run, however it was typed")
    tour.found(f'cmd:"{scripted.EDITED_COMMAND}"', scripted.EDITED_COMMAND, kind="command")
    tour.title("Search for what stood in a full-screen program")
    tour.found(scripted.WORD_IN_VIEWER, scripted.WORD_IN_VIEWER, kind="printed")
    tour.title("The password is nowhere")
    tour.secret(rec, session.secret)
    tour.verified(rec)
    tour.played(rec, session.printed)
    tour.served(rec)
    tour.farewell(rec, scripted.SPLIT_WORD)


if __name__ == "__main__":
    sys.exit(main())
