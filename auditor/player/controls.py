"""What the keys do: they steer the playback, type a search, choose from the list of commands, show help."""

from bisect import bisect_left
from collections.abc import Callable
from enum import Enum

from auditor.player.event_log import EventLog
from auditor.player.keys import ACTIONS, Action
from auditor.player.menu import Menu
from auditor.player.moment import END, TypedMoment
from auditor.player.playback import IDLE_LIMIT, Playback
from auditor.player.seen_index import SeenIndex, following, preceding

_TIME = "0123456789:"
_TOLD = 10
"""Events of one moment that are told of: more than fit on any terminal."""

_GRACE = 1.5
"""Seconds of the auditor's time: an event that has only just been passed while playing is not "the previous"."""


class StatusLine(Enum):
    """When the status line is there."""

    AUTO = "where it covers nothing, else while paused and after a key"
    ALWAYS = "always"
    NEVER = "never"


class Controls:
    """The state behind the keys, apart from the playback itself.

    `prompt` is a search being typed, `menu` the open list of commands, `log` the open event log, `help` the open
    help screen, `notice` a line for the person until the next key, `query` what is searched for and marked on the
    screen.
    `pending` says that an answer waits for the index to be complete: call `settle` when it is.
    """

    def __init__(
        self, playback: Playback, index: SeenIndex, *, persist: bool = False, idle_limit: int = IDLE_LIMIT
    ) -> None:
        self.playback = playback
        self.index = index
        self.persist = persist
        self.idle_limit = idle_limit
        self.quit = False
        self.redraw = False
        self.help = False
        self.input_view = False
        self.status_line = StatusLine.AUTO
        self.prompt: str | None = None
        self.menu: Menu | None = None
        self.log: EventLog | None = None
        self.notice = ""
        self.query = ""
        self.typed = TypedMoment()
        self._pending: Callable[[], None] | None = None

    @property
    def pending(self) -> bool:
        """Whether the index is waited for."""
        return self._pending is not None

    def press(self, key: str) -> None:
        """One key, by its name."""
        self.notice = ""
        if self.prompt is not None:
            self._type(key)
        elif self.menu is not None:
            self._choose(key)
        elif self.help:
            self.help = False
        elif key in _TIME:
            self.typed.feed(key)
        elif key == "ESC":
            self._pending, self.query = None, ""
            self.typed.clear()
            if self.log is not None:
                self.log.follow()
        elif key in ("UP", "DOWN") and self.log is not None:
            self.log.choose(1 if key == "DOWN" else -1, self.playback.position)
            self.typed.clear()
        else:
            action = ACTIONS.get(key)
            if action is Action.GOTO and key == "G":
                self._goto()
            elif action is not None:
                self._act(action)
            self.typed.clear()

    def settle(self) -> None:
        """Give the answer that waited for the index, once it is complete."""
        if self._pending is not None and self.index.complete:
            answer, self._pending = self._pending, None
            answer()

    def _goto(self) -> None:
        self.playback.seek(self.typed.milliseconds() if self.typed.text else END)

    def _act(self, action: Action) -> None:
        playback = self.playback
        match action:
            case Action.PAUSE:
                playback.toggle_pause()
            case Action.FASTER:
                playback.change_speed(2)
            case Action.SLOWER:
                playback.change_speed(1 / 2)
            case Action.NORMAL_SPEED:
                playback.speed = 1.0
            case Action.STEP:
                playback.step()
            case Action.GOTO:
                playback.seek(END)
            case Action.REWIND:
                playback.seek(0)
            case Action.BACK_5:
                playback.skip(-5)
            case Action.FORWARD_5:
                playback.skip(5)
            case Action.BACK_30:
                playback.skip(-30)
            case Action.FORWARD_30:
                playback.skip(30)
            case Action.PREVIOUS_EVENT:
                self._ask(lambda: self._to_event(forward=False))
            case Action.NEXT_EVENT:
                self._ask(lambda: self._to_event(forward=True))
            case Action.SEARCH:
                self.prompt = ""
            case Action.NEXT_HIT:
                self._ask(lambda: self._to_hit(forward=True))
            case Action.PREVIOUS_HIT:
                self._ask(lambda: self._to_hit(forward=False))
            case Action.COMMANDS:
                self._ask(self._open_commands)
            case Action.EVENTS:
                self.log = None if self.log is not None else EventLog(self.index)
            case Action.GO_TO_ENTRY:
                self._go_to_entry()
            case _:
                self._switch(action)

    def _switch(self, action: Action) -> None:
        playback = self.playback
        match action:
            case Action.SKIP_IDLE:
                playback.idle_limit = self.idle_limit if playback.idle_limit is None else None
                limit = (
                    f"at most {self.idle_limit / 1000:g} s of each" if playback.idle_limit is not None else "in full"
                )
                self.notice = f"pauses are played {limit}"
            case Action.FOLLOW:
                playback.follow = not playback.follow
                self.notice = "waiting for more at the end" if playback.follow else "not waiting for more"
            case Action.INPUT:
                self.input_view = not self.input_view
                if self.input_view and not playback.timeline.has_input:
                    self.notice = "no input was recorded up to here"
            case Action.STATUS:
                modes = list(StatusLine)
                self.status_line = modes[(modes.index(self.status_line) + 1) % len(modes)]
                self.notice = f"status line: {self.status_line.value}"
            case Action.REDRAW:
                self.redraw = True
            case Action.HELP:
                self.help = True
            case Action.QUIT:
                self.quit = not self.persist
            case _:
                raise AssertionError(action)

    def _ask(self, answer: Callable[[], None]) -> None:
        self._pending = answer
        self.settle()

    def _type(self, key: str) -> None:
        assert self.prompt is not None
        if key == "ENTER":
            self.query, self.prompt = self.prompt or self.query, None
            self._ask(lambda: self._to_hit(forward=True, here=True))
        elif key == "ESC" or (key == "BACKSPACE" and not self.prompt):
            self.prompt = None
        elif key == "BACKSPACE":
            self.prompt = self.prompt[:-1]
        elif key == "CTRL-U":
            self.prompt = ""
        elif key == "SPACE":
            self.prompt += " "
        elif len(key) == 1:
            self.prompt += key

    def _to_hit(self, *, forward: bool, here: bool = False) -> None:
        if not self.query:
            self.notice = "nothing is searched for yet: / begins"
            return
        moments = self.index.hits(self.query)
        position = self.playback.position
        if not moments:
            self.notice = "not seen anywhere"
            return
        found = following(moments, position - here) if forward else preceding(moments, position)
        again = ""
        if found is None:
            found, again = (
                (moments[0], ", from the beginning again") if forward else (moments[-1], ", from the end again")
            )
        self._show(found)
        self.notice = f"hit {moments.index(found) + 1} of {len(moments)}{again}"

    def _to_event(self, *, forward: bool) -> None:
        events = self.index.events()
        moments = [event.at for event in events]
        playback = self.playback
        grace = 0.0 if playback.paused else _GRACE * 1000 * playback.speed
        at = following(moments, playback.position) if forward else preceding(moments, playback.position - grace)
        if at is None:
            self.notice = "no later event" if forward else "no earlier event"
            return
        self._show(at)
        first = bisect_left(moments, at)
        self.notice = "; ".join(event.label for event in events[first : first + _TOLD] if event.at == at)

    def _go_to_entry(self) -> None:
        entry = self.log.go(self.playback.position) if self.log is not None else None
        if entry is not None:
            self._show(entry.at)
            self.notice = entry.label
        elif self.log is None:
            self.notice = "no event log is open: e opens it"

    def _open_commands(self) -> None:
        commands = self.index.commands()
        if commands:
            self.menu = Menu(commands, self.playback.position)
        else:
            self.notice = "no commands were seen"

    def _choose(self, key: str) -> None:
        assert self.menu is not None
        if key in ("ESC", "q", "c"):
            self.menu = None
        elif key == "ENTER":
            self._show(self.menu.chosen.at)
            self.menu = None
        else:
            self.menu.press(key)

    def _show(self, at: int) -> None:
        self.playback.seek(at, inclusive=True)
        self.playback.paused = True
