"""An entry of the ledger, its fields as JSON, and which entries a listing takes.

Names are ECS's where it has one: `user.name` is who acts, `source.ip` where from. What the deed was about stands in
`sessrec`: the recording with its user and host, the moment in ms, the query.
"""

import math
import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from recorder.formats.canonical import canonical

ACTIONS = (
    *("sign-in", "sign-in-refused", "sign-out", "list", "search", "watch", "watch-live", "export", "verify"),
    *("control", "hold", "release", "delete", "retention", "trail"),
)
"""What an entry may be of."""

DELETIONS = ("delete", "retention")
"""Actions that remove a recording."""

SUCCESS, FAILURE = "success", "failure"
"""Outcomes, as ECS has them. An entry is written before its deed: the failure of one has an entry of its own."""

MAX_NAME = 256
"""Code points of names and addresses."""

MAX_TEXT = 2000
"""Code points of queries and reasons: what a person types."""

MAX_DETAIL = 4096
"""Bytes of all else, as JSON."""

CUT = "…"
"""Behind what was longer."""

_NAMES = ("viewer", "action", "origin", "rec", "host", "user")
_TEXTS = ("reason", "query")


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed. `time` is seconds since 1970, `at` ms into the recording, `origin` the address that the viewer came
    from, "" on the machine itself. `number` counts from 1 and has no gaps; 0 of what is not written yet."""

    viewer: str
    action: str
    rec: str = ""
    host: str = ""
    user: str = ""
    at: int | None = None
    query: str = ""
    origin: str = ""
    reason: str = ""
    outcome: str = SUCCESS
    detail: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0
    time: float = 0.0

    def bounded(self) -> "Entry":
        """The same, with what is too long cut, and nothing in it that has no form in JSON."""
        values: dict[str, Any] = {name: _text(getattr(self, name), MAX_NAME) for name in _NAMES}
        values |= {name: _text(getattr(self, name), MAX_TEXT) for name in _TEXTS}
        at = None if self.at is None else max(0, min(int(self.at), 2**53 - 1))
        return Entry(
            **values, at=at, outcome=self.outcome, detail=_detail(self.detail), number=self.number, time=self.time
        )

    def fields(self) -> dict[str, Any]:
        """The entry as JSON has it; what is empty is left out."""
        event = {"action": self.action, "outcome": self.outcome} | _some(reason=self.reason)
        about = _some(rec=self.rec, user=self.user, host=self.host, query=self.query)
        if self.at is not None:
            about["at_ms"] = self.at
        if self.detail:
            about["detail"] = dict(self.detail)
        return {"id": self.number, "@timestamp": _iso(self.time), "event": event, "user": {"name": self.viewer}} | (
            _some(source=_some(ip=self.origin), sessrec=about)
        )

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> "Entry":
        """The entry that these fields are of. Raises ValueError where they are of none."""
        try:
            event, about = fields["event"], fields.get("sessrec", {})
            return cls(
                viewer=str(fields["user"]["name"]),
                action=str(event["action"]),
                rec=str(about.get("rec", "")),
                host=str(about.get("host", "")),
                user=str(about.get("user", "")),
                at=about.get("at_ms"),
                query=str(about.get("query", "")),
                origin=str(fields.get("source", {}).get("ip", "")),
                reason=str(event.get("reason", "")),
                outcome=str(event["outcome"]),
                detail=about.get("detail", {}),
                number=int(fields["id"]),
                time=datetime.fromisoformat(fields["@timestamp"]).timestamp(),
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError("not an entry of a ledger") from error


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: by viewer and action, where any are named; by the beginning of a recording's id (`whole`: by all
    of it), its user, its host; `since`, `until` in seconds since 1970. Viewers, users and hosts are patterns with *
    and ?."""

    viewers: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    rec: str = ""
    whole: bool = False
    users: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None


def now() -> float:
    """Seconds since 1970, in whole ms as an entry keeps them."""
    return math.floor(clock.time() * 1000) / 1000


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")


def _some(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _text(value: object, limit: int) -> str:
    # Half a surrogate pair, as a file name may have it, has no form in UTF-8.
    text = str(value).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= limit else text[: limit - 1] + CUT


def _detail(detail: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    size = 0
    for name, value in detail.items():
        # Larger numbers do not come back from JSON as they were.
        plain = value is None or (isinstance(value, bool | int | float) and abs(value) < 2**53)
        safe = value if plain else _text(value, MAX_TEXT)
        size += len(canonical([_text(name, MAX_NAME), safe]))
        if size > MAX_DETAIL:
            return kept | {CUT: CUT}
        kept[_text(name, MAX_NAME)] = safe
    return kept
