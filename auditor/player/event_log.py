"""The event log: what happened, in order, with the moment that playback has reached, or an entry that was chosen."""

from bisect import bisect_right

from auditor.player.event_marks import MARKS
from auditor.player.moment import clock
from auditor.player.seen_index import SeenIndex
from auditor.player.timeline import Event

_LETTERS = {kind: mark for kind, (mark, _) in MARKS.items()} | {"command": "$"}


class EventLog:
    """Recorded events and, as far as the index has them, commands.

    It follows the position of playback until an entry is chosen, and again when playback has moved on from there.
    """

    def __init__(self, index: SeenIndex) -> None:
        self._index = index
        self._known: object = None
        self._entries: list[Event] = []
        self._times: list[int] = []
        self._chosen: int | None = None
        self._gone_to: float | None = None

    def __len__(self) -> int:
        self._refresh()
        return len(self._entries)

    @property
    def chosen(self) -> Event | None:
        """The entry that was chosen with keys."""
        return None if self._chosen is None else self._entries[self._chosen]

    def choose(self, step: int, position: float) -> None:
        """The entry so many further than the chosen one, or than the one that playback has reached."""
        current = self.current(position)
        if self._entries:
            start = -1 if current is None else current
            if current is None and step < 0:
                return
            self._chosen = min(max(0, start + step), len(self._entries) - 1)
            self._gone_to = None

    def go(self, position: float) -> Event | None:
        """The entry to go to. It stays chosen until playback leaves it: several may have one moment."""
        current = self.current(position)
        if current is None:
            return None
        self._chosen = current
        self._gone_to = float(self._entries[current].at)
        return self._entries[current]

    def follow(self) -> None:
        """Give up the choice."""
        self._chosen = self._gone_to = None

    def current(self, position: float) -> int | None:
        """The chosen entry, else the last that playback has reached; None before the first."""
        self._refresh()
        if self._gone_to is not None and position != self._gone_to:
            self.follow()
        if self._chosen is not None:
            return self._chosen
        reached = bisect_right(self._times, position)
        return reached - 1 if reached else None

    def lines(self, rows: int, position: float) -> tuple[list[str], int | None]:
        """At most `rows` of the entries around the current one, and which of these lines that is. They are not yet
        made safe to print."""
        current = self.current(position)
        first = min(max(0, (current or 0) - rows // 2), max(0, len(self._entries) - rows))
        lines = [
            f"{clock(entry.at):>7} {_LETTERS.get(entry.kind, ' ')} {entry.label}"
            for entry in self._entries[first : first + rows]
        ]
        return lines, None if current is None else current - first

    def _refresh(self) -> None:
        known = (len(self._index.timeline.events), self._index.version)
        if known == self._known:
            return
        self._known = known
        chosen = self.chosen
        self._entries = self._index.events()
        self._times = [entry.at for entry in self._entries]
        if chosen is not None:
            self._chosen = self._entries.index(chosen) if chosen in self._entries else None
