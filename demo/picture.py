"""The pictures of README.md: what `sessrec` really prints about the scripted session, as docs/images/*.svg.

    python -m demo.picture [DIR]

The names of this machine and of the user stand in them.
"""

import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from auditor.player.colour_screen import ColourScreen
from auditor.player.frame import whole_screen
from demo import scripted
from demo.scripted import ENTER
from demo.session import ROOT, SESSREC
from demo.terminal import Terminal
from demo.tour import Tour

COLUMNS, ROWS = 90, 24

PLAYER_ROWS = 8
"""The hit is near the top of the screen; a larger player would show what is empty below."""

PROMPT = "\x1b[1m$\x1b[0m "
"""What stands before a command line in the pictures."""


def main(directory: Path) -> int:
    """Record a session, look at it, and write what was to be seen."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        tour = Tour(SESSREC, Path(data))
        home = Path(data, "home")
        scripted.drive([str(SESSREC), "rec", "--input", "--", "bash"], tour.variables, home, print)
        variables = {**tour.variables, "HOME": str(home), "TERM": "xterm-256color", "PS1": PROMPT, "LANG": "C.UTF-8"}
        found = _looked_for(variables, home)
        (directory / "search.svg").write_text(_svg(found, "found by what was seen, and by what was run"))
        played = _played(variables, home)
        (directory / "play.svg").write_text(_svg(played, "played, at a hit"))
    return 0


def _looked_for(variables: dict[str, str], home: Path) -> ColourScreen:
    shell = Terminal(["bash", "--norc", "--noediting"], variables, home)
    try:
        shell.until(PROMPT)
        shell.resize(COLUMNS, ROWS)
        for line in ("list", "search unreachable", "search 'cmd:\"wc -l /etc/passwd\"'"):
            shell.type(f"sessrec {line}{ENTER}")
            shell.until(PROMPT)
        rec = re.search(rb"ended  ([0-9a-f]+)", shell.printed)
        assert rec is not None
        shell.type(f"sessrec verify {rec[1].decode()[:8]}{ENTER}")
        shell.until(PROMPT)
        return _screen(shell.printed[: -len(PROMPT)])
    finally:
        shell.close()


def _played(variables: dict[str, str], home: Path) -> ColourScreen:
    [recording] = Path(variables["XDG_DATA_HOME"]).glob("session-recording/recordings/*.jsonl")
    player = Terminal([str(SESSREC), "play", "--paused", str(recording)], variables, home)
    try:
        player.until("paused")
        player.resize(COLUMNS, PLAYER_ROWS)
        player.settle()
        player.type(f"/{scripted.SPLIT_WORD}{ENTER}")
        player.settle()
        screen = _screen(player.printed, PLAYER_ROWS)
        player.type("q")
        player.finish()
        return screen
    finally:
        player.close()


def _screen(printed: bytes, rows: int = ROWS) -> ColourScreen:
    screen = ColourScreen(COLUMNS, rows)
    screen.feed(printed.decode())
    return screen


def _svg(screen: ColourScreen, title: str) -> str:
    rows = whole_screen(screen, COLUMNS)
    with open("/dev/null", "w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        for row in rows:
            console.print(Text.from_ansi(row), no_wrap=True, overflow="crop")
        svg = console.export_svg(title=title, unique_id=re.sub(r"\W+", "-", title))
    # The fonts are on another host; the reader's own monospaced one serves as well.
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return svg.replace("<svg ", '<svg xml:space="preserve" ', 1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"))
