"""What can be jumped to: text as it was seen, commands as they were run, events that were recorded."""

import copy
import time
from bisect import bisect_left, bisect_right

from auditor.output.printable import printable
from auditor.player.timeline import Event, Timeline
from auditor.transcript import Seen, Transcript

_SLICE = 64
"""Packets between two looks at the clock."""


class SeenIndex:
    """The searchable side of a timeline, made when it is first asked for, a slice of time at a time.

    Nothing is worked out for someone who only watches. `complete` tells whether all that was read so far is in;
    `version` changes when it is so again.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self._transcript: Transcript | None = None
        self._taken = 0
        self._seen: list[Seen] = []
        self._standing: list[Seen] | None = None
        self.version = 0

    @property
    def complete(self) -> bool:
        """Whether everything that the recording has at the moment can be found."""
        return self.timeline.complete and self._taken == len(self.timeline) and self._standing is not None

    @property
    def progress(self) -> float:
        """From 0 to 1, how much of what was read has been worked through."""
        whole = self.timeline.output_bytes(0, len(self.timeline))
        return self.timeline.output_bytes(0, self._taken) / whole if whole else 1.0

    def work(self, seconds: float) -> None:
        """Go on for about so long."""
        if self._transcript is None:
            # Not in __init__: the session's character set is only known from its first message.
            self._transcript = Transcript(self.timeline.charset)
        deadline = time.monotonic() + seconds
        while self._taken < len(self.timeline):
            self._standing = None
            last = min(self._taken + _SLICE, len(self.timeline))
            for index in range(self._taken, last):
                self._seen += self._transcript.feed(self.timeline.packet(index))
            self._taken = last
            if time.monotonic() > deadline:
                return
        if self._standing is None and self.timeline.complete:
            # What still stands on the screen is told by finish(), after which a running recording could not go on.
            self._standing = copy.deepcopy(self._transcript).finish()
            self.version += 1

    def hits(self, query: str) -> list[int]:
        """The moments, in milliseconds and in order, at which text with `query` was seen, typed, or is said of an
        event that was audited.

        Upper and lower case are the same unless the query has an upper-case letter.
        """
        exact = query != query.lower()
        wanted = query if exact else query.casefold()
        lines = [(seen.at, seen.text) for seen in self._all()]
        lines += [(event.at, event.label) for event in self.timeline.events if event.kind != "own"]
        return sorted({at for at, text in lines if wanted in (text if exact else text.casefold())})

    def commands(self) -> list[Event]:
        """What was run, as it stood on the line at Enter."""
        found = [Event(seen.at, printable(seen.text), "command") for seen in self._all() if seen.kind == "command"]
        return sorted(found, key=lambda event: event.at)

    def events(self) -> list[Event]:
        """Commands and recorded events, in order."""
        return sorted(self.commands() + self.timeline.events, key=lambda event: event.at)

    def _all(self) -> list[Seen]:
        return self._seen + (self._standing or [])


def following(moments: list[int], position: float) -> int | None:
    """The first of sorted moments behind a position."""
    index = bisect_right(moments, position)
    return moments[index] if index < len(moments) else None


def preceding(moments: list[int], position: float) -> int | None:
    """The last of sorted moments before a position."""
    index = bisect_left(moments, position)
    return moments[index - 1] if index else None
