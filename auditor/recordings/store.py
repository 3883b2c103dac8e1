"""What a store of recordings is: the values it takes and gives, and the protocol that every store follows.

The log is the truth; a store is derived from it and can be built anew. It keeps the messages as they came as well,
so that a recording can be played, verified and exported from the store alone.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from auditor.query.query import Query, Selection
from auditor.recordings.store_error import StoreError as StoreError
from auditor.recordings.store_error import StoreUnavailableError as StoreUnavailableError
from auditor.transcript import Seen


class ConflictError(StoreError):
    """Another process has added to the recording meanwhile: read its facts again and start from them."""


class SearchPausedError(StoreError):
    """A search has taken as long as it may. `position` is that of the last recording that it has looked through."""

    def __init__(self, position: "Position") -> None:
        super().__init__("the search takes long: give more of a word, or narrow it by user:, host: or since:")
        self.position = position


@dataclass(slots=True)
class Facts:
    """What is known of one recording.

    `start` seconds since 1970; `length` ms up to the last message's last packet; `next_id` the message id that
    would go on without a gap; `missing` how many ids before it are not there; `printed`, `typed`, `lost` bytes of
    the terminal. `marked`: its session-start was seen, so it is one of ours and an end will be marked as well;
    `ended`: it was, with `exit_code` and `reason`. `pid` is the recorded command's.

    `events`: how many events there are besides those that the recorder tells of itself (`auditor.events.events.OWN`).
    `commands`: how many command lines were entered; None where an older program took it in and did not count.

    `origin`: the sender that the journal vouches for, else "". `source`: the file or journal that it came from.
    `late`: messages came after others with higher ids, and are not in the texts yet. `settled`: the texts have all
    that is known. `revision` counts the additions.
    """

    rec: str
    host: str
    user: str
    term: str
    session: int
    start: float
    length: int = 0
    next_id: int = 1
    messages: int = 0
    missing: int = 0
    printed: int = 0
    typed: int = 0
    columns: int = 0
    rows: int = 0
    charset: str = "UTF-8"
    key: str = ""
    version: str = ""
    command: tuple[str, ...] = ()
    pid: int = 0
    marked: bool = False
    ended: bool = False
    exit_code: int | None = None
    reason: str = ""
    lost: int = 0
    events: int = 0
    commands: int | None = None
    late: bool = False
    settled: bool = False
    origin: str = ""
    source: str = ""
    revision: int = 0

    @property
    def finish(self) -> float:
        """Seconds since 1970 of the last that is known of it."""
        return self.start + self.length / 1000


class Event(NamedTuple):
    """An event: the id of its message, the ms into the recording at which it happened, ECS action, and what else it
    says, as a JSON object.

    `part` 0 is the message itself. What is derived from a message, an alert, has the same id and a part above; no
    two events of a recording have the same id and part.
    """

    id: int
    at: int
    action: str
    detail: str
    part: int = 0


class Refusal(NamedTuple):
    """A line that is no part of any recording: why, of which recording it says it is, and how it begins."""

    reason: str
    rec: str
    excerpt: str


class Quarantined(NamedTuple):
    """Lines of one source that were refused for one reason; the excerpt and the time are of the first."""

    source: str
    rec: str
    reason: str
    excerpt: str
    time: float
    lines: int


@dataclass(frozen=True, slots=True)
class Addition:
    """New messages of one recording, and what follows from them.

    `facts` with the revision that they were computed from. `lines` are message ids and lines. `seen` is settled, and
    has the lines of events among the others, each kind in the order in which it is to be kept;
    `passing` is what would be seen if the recording ended here, and stands until the next addition. `anew`: the
    texts and the events so far are replaced, not continued.
    """

    facts: Facts
    lines: Sequence[tuple[int, bytes]] = ()
    seen: Sequence[Seen] = ()
    passing: Sequence[Seen] = ()
    events: Sequence[Event] = ()
    anew: bool = False


class Hit(NamedTuple):
    """A line that a query found: its kind (as in Seen), ms into the recording, and where in its text the searched
    terms stand (start, end), in code points."""

    facts: Facts
    kind: str
    at: int
    text: str
    spans: tuple[tuple[int, int], ...]


class Position(NamedTuple):
    """Where a list of recordings in order of time was left: the start and id of the last one."""

    start: float
    rec: str


GroupKey = Literal["user", "host", "day"]
"""By what recordings are counted; a day is that of their start in local time, as YYYY-MM-DD."""


class RecordingGroup(NamedTuple):
    """Recordings that have a key in common: how many, their lengths in ms and their events together, and the latest
    start."""

    key: str
    recordings: int
    length: int
    events: int
    latest: float

    def merged(self, other: "RecordingGroup") -> "RecordingGroup":
        """Both, under this one's key."""
        return RecordingGroup(
            self.key,
            self.recordings + other.recordings,
            self.length + other.length,
            self.events + other.events,
            max(self.latest, other.latest),
        )


def in_order(groups: Iterable[RecordingGroup], by: GroupKey) -> list[RecordingGroup]:
    """Days from the latest on, others from the one with most recordings on."""
    if by == "day":
        return sorted(groups, key=lambda group: group.key, reverse=True)
    return sorted(groups, key=lambda group: (-group.recordings, group.key))


class Store(Protocol):
    """A store of recordings. Every method may raise StoreError."""

    def facts(self, rec: str) -> Facts | None:
        """Of one recording, by its whole id."""
        ...

    def recordings(
        self, selection: Selection, *, oldest_first: bool = False, after: Position | None = None
    ) -> Iterator[Facts]:
        """Those that the selection takes, by their start, the latest first, and `after` a position in this order."""
        ...

    def groups(self, selection: Selection, by: GroupKey) -> list[RecordingGroup]:
        """How many the selection takes, by user, host or day. For states other than those that end a recording it is
        a moment's estimate."""
        ...

    def beginning_with(self, prefix: str, limit: int) -> list[Facts]:
        """At most `limit` recordings whose id begins with `prefix`."""
        ...

    def lines(self, rec: str, after: int = 0) -> Iterator[list[bytes]]:
        """The messages with an id above `after`, in order of their ids, as they came, some at a time."""
        ...

    def line(self, rec: str, id: int) -> bytes | None:
        """The message with this id."""
        ...

    def seen(self, rec: str, kind: str) -> Iterator[Seen]:
        """The lines of one kind, in order."""
        ...

    def events(self, rec: str, after: int = 0) -> Iterator[Event]:
        """Its events of messages with an id above `after`, in the order of their messages and parts."""
        ...

    def search(
        self, query: Query, each: int, *, after: Position | None = None, patience: float | None = None
    ) -> Iterator[Hit]:
        """The lines that the query finds, the latest recording first, at most `each` of one recording and kind; in
        recordings `after` a position in this order. Raises SearchPausedError between two recordings when it has taken
        `patience` seconds; whoever then goes on behind its position finds the rest."""
        ...

    def add(
        self, source: str, mark: str | None, additions: Sequence[Addition], refusals: Collection[Refusal]
    ) -> None:
        """Keep all of it, and that `source` has been read up to `mark`, or nothing. Raises ConflictError."""
        ...

    def marks(self, prefix: str) -> Mapping[str, str]:
        """Source and mark of the sources that begin with `prefix`."""
        ...

    def is_deleted(self, rec: str) -> bool:
        """Whether the recording was deleted: it is not taken in again."""
        ...

    def delete(self, recs: Collection[str]) -> None:
        """Remove all that is known of these recordings, except that they were deleted."""
        ...

    def unsettled(self, source: str) -> list[str]:
        """Recordings whose texts do not have all that is known yet, and to which this source added last."""
        ...

    def quarantined(self) -> Iterator[Quarantined]:
        """What was refused, the latest first."""
        ...

    def close(self) -> None:
        """Give back what is held open."""
        ...
