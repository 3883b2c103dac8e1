"""The player's keys: the one table that input, the help screen and docs/keys.md are made from.

`python -m auditor.player.keys` prints the page docs/keys.md.
"""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple


class Action(Enum):
    """What a key does."""

    PAUSE = "pause"
    FASTER = "faster"
    SLOWER = "slower"
    NORMAL_SPEED = "normal speed"
    STEP = "step"
    GOTO = "goto"
    REWIND = "rewind"
    BACK_5 = "back 5 s"
    FORWARD_5 = "forward 5 s"
    BACK_30 = "back 30 s"
    FORWARD_30 = "forward 30 s"
    PREVIOUS_EVENT = "previous event"
    NEXT_EVENT = "next event"
    SEARCH = "search"
    NEXT_HIT = "next hit"
    PREVIOUS_HIT = "previous hit"
    SKIP_IDLE = "skip idle"
    COMMANDS = "commands"
    EVENTS = "events"
    GO_TO_ENTRY = "go to entry"
    FOLLOW = "follow"
    INPUT = "input"
    STATUS = "status"
    REDRAW = "redraw"
    HELP = "help"
    QUIT = "quit"


class Binding(NamedTuple):
    """Keys by name (`auditor.player.key_reader` gives those), their action, and what a person reads about it."""

    keys: tuple[str, ...]
    action: Action
    does: str
    tlog: bool = False


BINDINGS = (
    Binding(("SPACE", "p"), Action.PAUSE, "pause, or go on", True),
    Binding(("}",), Action.FASTER, "twice as fast, up to 16x", True),
    Binding(("{",), Action.SLOWER, "half as fast, down to 1/16x", True),
    Binding(("BACKSPACE",), Action.NORMAL_SPEED, "normal speed, 1x", True),
    Binding((".",), Action.STEP, "show the next output at once, paused or not", True),
    Binding(
        ("G", "END"), Action.GOTO, "go to the end; with a time typed before it (90G, 1:30G, 2::G) to that time", True
    ),
    Binding(("r", "HOME"), Action.REWIND, "go to the beginning"),
    Binding(("LEFT",), Action.BACK_5, "5 seconds back"),
    Binding(("RIGHT",), Action.FORWARD_5, "5 seconds forward"),
    Binding(("UP", "PGUP"), Action.BACK_30, "30 seconds back"),
    Binding(("DOWN", "PGDN"), Action.FORWARD_30, "30 seconds forward"),
    Binding(("[",), Action.PREVIOUS_EVENT, "previous event: a command, a resize, lost messages, ..."),
    Binding(("]",), Action.NEXT_EVENT, "next event"),
    Binding(("/",), Action.SEARCH, "search what was seen, and events; a capital letter makes case matter"),
    Binding(("n",), Action.NEXT_HIT, "next hit; behind the last the first again"),
    Binding(("N",), Action.PREVIOUS_HIT, "previous hit"),
    Binding(("i",), Action.SKIP_IDLE, "skip idle time, or play it in full"),
    Binding(("c",), Action.COMMANDS, "list of commands to jump to: arrows or a number, then ENTER"),
    Binding(
        ("e",),
        Action.EVENTS,
        "event log beside or below, and the time line: x program, f file, n network, ! other; or neither",
    ),
    Binding(
        ("ENTER",),
        Action.GO_TO_ENTRY,
        "with the event log: go to the chosen entry; UP and DOWN choose one, ESC follows again",
    ),
    Binding(("f",), Action.FOLLOW, "follow a running recording, or stop at its end"),
    Binding(("t",), Action.INPUT, "show what was typed, where it was recorded"),
    Binding(("s",), Action.STATUS, "status line: always, never, or where it covers nothing"),
    Binding(("CTRL-L",), Action.REDRAW, "paint the terminal anew"),
    Binding(("?", "h"), Action.HELP, "these keys"),
    Binding(("q",), Action.QUIT, "quit", True),
)

ACTIONS = {key: binding.action for binding in BINDINGS for key in binding.keys}
"""Key name to action."""


def help_lines() -> list[str]:
    """The table as lines of plain text."""
    width = max(len(_names(binding)) for binding in BINDINGS)
    return [f"{_names(binding):<{width}}  {binding.does}" for binding in BINDINGS]


def page() -> Iterator[str]:
    """The lines of docs/keys.md."""
    yield "# Keys of `sessrec play`"
    yield ""
    yield "Made from the table in `auditor/player/keys.py`, as is the help screen that `?` shows while playing:"
    yield "`python -m auditor.player.keys > docs/keys.md`."
    yield ""
    yield "| keys | | as in tlog-play |"
    yield "|---|---|---|"
    for binding in BINDINGS:
        keys = ", ".join(f"`{key}`" for key in binding.keys)
        yield f"| {keys} | {binding.does} | {'yes' if binding.tlog else ''} |"
    yield ""
    yield "ESC gives up what is being typed, closes a list, and takes the marks of a search away."
    yield ""
    yield "Where keys and options differ from tlog-play:"
    yield ""
    yield "- A time before the present one is gone to as well: tlog-play cannot go back, and ignores it."
    yield "- `.` pressed several times shows as many outputs, also when the presses arrive together."
    yield "- A found hit, and a command or an event gone to, pauses, so that it can be read."
    yield "- `--follow` ends when the session has ended; what comes after a silence is shown as it comes."
    yield "- `--speed 0` shows everything at once; tlog-play shows nothing."
    yield "- Into a pipe go the recorded bytes alone, without tlog-play's last 12 of its own."
    yield "- `--reader` takes `file` only: what is in the journal comes in with `sessrec ingest --journal`."
    yield "- What was shown last stays on the terminal, but only the last screen of it."
    yield "- Keys are never taken from what the terminal answers: nothing that was recorded makes it answer."


def _names(binding: Binding) -> str:
    return " ".join(binding.keys)


if __name__ == "__main__":
    for line in page():
        print(line)
