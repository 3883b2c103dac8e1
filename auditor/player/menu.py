"""A list to choose a moment from: with arrows, by number, or by paging."""

from auditor.player.moment import clock
from auditor.player.timeline import Event

_PAGE = 10


class Menu:
    """Entries (at least one) in order, of which one is chosen; it begins with the last before `position`."""

    def __init__(self, entries: list[Event], position: float) -> None:
        self.entries = entries
        self.index = max(0, sum(entry.at <= position for entry in entries) - 1)
        self._number = ""

    @property
    def chosen(self) -> Event:
        """The entry that ENTER goes to."""
        return self.entries[self.index]

    def press(self, key: str) -> None:
        """A key that moves the choice; others do nothing. Digits type the number of an entry."""
        if key.isascii() and key.isdigit():
            self._number = (self._number + key)[-9:]
            self._choose(int(self._number) - 1)
            return
        self._number = ""
        moves = {
            "UP": self.index - 1,
            "DOWN": self.index + 1,
            "PGUP": self.index - _PAGE,
            "PGDN": self.index + _PAGE,
            "HOME": 0,
            "END": len(self.entries) - 1,
        }
        self._choose(moves.get(key, self.index))

    def lines(self, rows: int) -> tuple[list[str], int]:
        """At most `rows` (at least one) of the entries around the choice, and which of these lines is chosen."""
        first = min(max(0, self.index - rows // 2), max(0, len(self.entries) - rows))
        width = len(str(len(self.entries)))
        shown = self.entries[first : first + rows]
        lines = [
            f"{number:>{width}}  {clock(entry.at):>8}  {entry.label}" for number, entry in enumerate(shown, first + 1)
        ]
        return lines, self.index - first

    def _choose(self, index: int) -> None:
        self.index = min(max(0, index), len(self.entries) - 1)
